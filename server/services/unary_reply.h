#ifndef ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_
#define ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/metrics/server_metrics.h"
#include "server/services/grpc_status.h"

namespace rollout {

// Finishes a call that is answered at once, and measures it.
inline grpc::ServerUnaryReactor* ReplyAtOnce(grpc::CallbackServerContext* context,
                                             const absl::Status& status,
                                             ServerMetrics::Method* method,
                                             absl::Duration duration) {
  method->Finished(status.code(), duration);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, context));
  return reactor;
}

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_
