#ifndef ROLLOUT_SERVER_SERVICES_ADMIN_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_ADMIN_SERVICE_H_

#include <functional>
#include <memory>
#include <string>

#include "rollout/v1/admin.grpc.pb.h"
#include "server/services/rollout_call.h"

namespace rollout {

// What an operator may have the server do beside its registry. Any thread; must not block.
struct OperatorHooks {
  std::function<void()> look_now;  // at the repository
  std::function<void()> drain;     // and end the process
};

// rollout.v1.Admin. What it changes lives in the registry and is forgotten with it, which every
// reply and a log line say. Owned by the server; gRPC's threads.
class AdminService final : public v1::Admin::CallbackService {
 public:
  // `metrics` outlives the service.
  AdminService(const CallEnvironment& environment, OperatorHooks hooks, ServerMetrics* metrics);

  grpc::ServerUnaryReactor* Load(grpc::CallbackServerContext* context,
                                 const v1::LoadRequest* request, v1::AdminReply* reply) override;
  grpc::ServerUnaryReactor* Unload(grpc::CallbackServerContext* context,
                                   const v1::UnloadRequest* request,
                                   v1::AdminReply* reply) override;
  grpc::ServerUnaryReactor* Pin(grpc::CallbackServerContext* context, const v1::PinRequest* request,
                                v1::AdminReply* reply) override;
  grpc::ServerUnaryReactor* SetLabel(grpc::CallbackServerContext* context,
                                     const v1::SetLabelRequest* request,
                                     v1::AdminReply* reply) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context,
                                  const v1::DrainRequest* request, v1::DrainReply* reply) override;

 private:
  const CallEnvironment environment_;
  const OperatorHooks hooks_;
  const std::unique_ptr<ServerMetrics::Method> load_;
  const std::unique_ptr<ServerMetrics::Method> unload_;
  const std::unique_ptr<ServerMetrics::Method> pin_;
  const std::unique_ptr<ServerMetrics::Method> set_label_;
  const std::unique_ptr<ServerMetrics::Method> drain_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ADMIN_SERVICE_H_
