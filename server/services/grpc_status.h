// The one place where an absl::Status becomes a gRPC status.
#ifndef ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_
#define ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace grpc {
class CallbackServerContext;
}

namespace rollout {

// Code and message as they are. An advice when to retry (RetryPushback) is added to `context` as
// the trailer `grpc-retry-pushback-ms`, so this must be called before the call finishes.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::CallbackServerContext* context);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_
