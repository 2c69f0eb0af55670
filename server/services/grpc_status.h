// The one place where an absl::Status becomes a gRPC status.
#ifndef ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_
#define ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace grpc {
class CallbackServerContext;
}

namespace rollout {

// What a caller is told of an error: its message, cut after about 2 KiB. It leaves in the trailers,
// of which clients take 8 KiB with every byte beyond ASCII tripled, and it may hold the caller's
// own words, as long as they came. UTF-8 stays UTF-8.
std::string ErrorText(const absl::Status& status);

// Code and ErrorText. An advice when to retry (RetryPushback) is added to `context` as
// the trailer `grpc-retry-pushback-ms`, so this must be called before the call finishes.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::CallbackServerContext* context);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_GRPC_STATUS_H_
