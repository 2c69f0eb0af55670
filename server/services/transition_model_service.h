#ifndef ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_

#include <memory>

#include "rollout/v1/transition_model.grpc.pb.h"
#include "server/services/rollout_call.h"

namespace rollout {

// rollout.v1.TransitionModel. Rollout takes raw bytes, so that undecodable ones get
// INVALID_ARGUMENT and not gRPC's own UNIMPLEMENTED. Owned by the server; gRPC's threads.
class TransitionModelService final : public v1::TransitionModel::WithRawCallbackMethod_Rollout<
                                         v1::TransitionModel::CallbackService> {
 public:
  // `metrics` outlives the service.
  TransitionModelService(const CallEnvironment& environment, ServerMetrics* metrics);

  grpc::ServerUnaryReactor* Rollout(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* reply) override;
  grpc::ServerUnaryReactor* Gradient(grpc::CallbackServerContext* context,
                                     const v1::GradientRequest* request,
                                     v1::GradientReply* reply) override;
  grpc::ServerUnaryReactor* Linearize(grpc::CallbackServerContext* context,
                                      const v1::LinearizeRequest* request,
                                      v1::LinearizeReply* reply) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request, v1::Model* reply) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsReply* reply) override;
  grpc::ServerUnaryReactor* ReportTransitions(grpc::CallbackServerContext* context,
                                              const v1::ReportTransitionsRequest* request,
                                              v1::ReportTransitionsReply* reply) override;

 private:
  absl::Status Report(const v1::ReportTransitionsRequest& request,
                      v1::ReportTransitionsReply* reply) const;

  const CallEnvironment environment_;
  ServerMetrics* const metrics_;
  const std::unique_ptr<RolloutCodec> codec_;
  const std::unique_ptr<ServerMetrics::Method> rollout_;
  const std::unique_ptr<ServerMetrics::Method> gradient_;
  const std::unique_ptr<ServerMetrics::Method> linearize_;
  const std::unique_ptr<ServerMetrics::Method> get_model_;
  const std::unique_ptr<ServerMetrics::Method> list_models_;
  const std::unique_ptr<ServerMetrics::Method> report_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_
