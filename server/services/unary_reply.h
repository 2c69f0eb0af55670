#ifndef ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_
#define ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/services/call_environment.h"
#include "server/services/grpc_status.h"

namespace rollout {

// Finishes a call that is answered at once, measures it and writes it down. `model` = what it is
// about.
inline grpc::ServerUnaryReactor* ReplyAtOnce(const CallEnvironment& environment,
                                             ServerMetrics::Method* method,
                                             grpc::CallbackServerContext* context,
                                             absl::Time arrived, const absl::Status& status,
                                             const std::string& model = "") {
  AccessRecord record;
  record.model = model;
  record.status = status;
  RequestAnswered(environment, method, *context, arrived, std::move(record));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, context));
  return reactor;
}

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_UNARY_REPLY_H_
