#include "server/services/call_environment.h"

#include <utility>

#include "absl/time/clock.h"

namespace rollout {

void RequestAnswered(const CallEnvironment& environment, ServerMetrics::Method* method,
                     const grpc::CallbackServerContext& context, absl::Time arrived,
                     AccessRecord record) {
  const absl::Duration duration = environment.clock->Now() - arrived;
  method->Finished(record.status.code(), duration);
  if (environment.access_log == nullptr) return;
  record.time = absl::Now();
  record.method = method->name();
  record.duration = duration;
  record.peer = context.peer();
  const auto traceparent = context.client_metadata().find("traceparent");
  if (traceparent != context.client_metadata().end()) {
    record.trace = ParseTraceparent({traceparent->second.data(), traceparent->second.size()});
  }
  environment.access_log->Write(std::move(record));
}

}  // namespace rollout
