// What calls need of the server, and what becomes of each when it is answered.
#ifndef ROLLOUT_SERVER_SERVICES_CALL_ENVIRONMENT_H_
#define ROLLOUT_SERVER_SERVICES_CALL_ENVIRONMENT_H_

#include <grpcpp/server_context.h>

#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"
#include "server/metrics/server_metrics.h"
#include "server/recording/access_log.h"
#include "server/recording/report_recorder.h"
#include "server/registry/model_registry.h"
#include "server/services/admission.h"
#include "server/services/large_requests.h"
#include "server/services/open_streams.h"
#include "server/services/rollout_query.h"

namespace rollout {

// Everything outlives every call.
struct CallEnvironment {
  ModelRegistry* registry = nullptr;
  const Clock* clock = nullptr;
  RequestLimits limits;
  int64_t stream_requests = 64;  // of one stream, unanswered
  Admission* admission = nullptr;
  OpenStreams* streams = nullptr;
  LargeRequests* large_requests = nullptr;
  AccessLog* access_log = nullptr;     // null = none is written
  ReportRecorder* recorder = nullptr;  // null = reports are not recorded
};

// Measures a request that came at `arrived` and has been answered with record.status, and writes it
// down. `record` holds what is known of it beyond method, time, duration, trace and peer.
void RequestAnswered(const CallEnvironment& environment, ServerMetrics::Method* method,
                     const grpc::CallbackServerContext& context, absl::Time arrived,
                     AccessRecord record);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_CALL_ENVIRONMENT_H_
