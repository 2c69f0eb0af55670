#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWERED_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWERED_H_

#include <grpcpp/server_context.h>

#include "absl/status/status.h"
#include "server/metrics/request_statistics.h"
#include "server/metrics/server_metrics.h"
#include "server/services/call_environment.h"
#include "server/services/rollout_codec.h"

namespace rollout {

// Measures a rollout that was understood and is answered with `status`, and writes it down. Where
// that is not OK, of `times` the arrival alone counts.
void RolloutAnswered(const CallEnvironment& environment, ServerMetrics::Method* method,
                     const grpc::CallbackServerContext& context, const DecodedRollout& request,
                     const absl::Status& status, const RequestTimes& times);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWERED_H_
