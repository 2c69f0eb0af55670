#include "server/services/rollout_answered.h"

#include <utility>

namespace rollout {

void RolloutAnswered(const CallEnvironment& environment, ServerMetrics::Method* method,
                     const grpc::CallbackServerContext& context, const DecodedRollout& request,
                     const absl::Status& status, const RequestTimes& times) {
  VersionMetrics& metrics = request.servable->metrics();
  AccessRecord record;
  if (status.ok()) {
    record.phases = {times.queued - times.arrived, times.started - times.queued,
                     times.computed - times.started, times.replied - times.computed};
    metrics.Decoded(record.phases->decode);
    metrics.ReplyMade(record.phases->reply);
    metrics.requests().Succeeded(times, request.query.lanes);
  } else {
    metrics.requests().Failed(environment.clock->Now() - times.arrived);
  }
  record.model = request.servable->name();
  record.version = request.servable->version();
  record.id = request.id;
  record.lanes = request.query.lanes;
  record.horizon = request.query.horizon;
  record.status = status;
  RequestAnswered(environment, method, context, times.arrived, std::move(record));
}

}  // namespace rollout
