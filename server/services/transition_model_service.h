#ifndef ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_

#include <memory>

#include "rollout/v1/transition_model.grpc.pb.h"
#include "server/services/model_watch.h"
#include "server/services/rollout_call.h"
#include "server/services/rollout_stream.h"

namespace rollout {

// Rollout and StreamRollout take raw bytes, so that undecodable ones get INVALID_ARGUMENT and not
// gRPC's own UNIMPLEMENTED. A streaming method cannot be made raw on top of CallbackService, whose
// reactor has another type; so each method is named.
using TransitionModelMethods = v1::TransitionModel::WithRawCallbackMethod_Rollout<
    v1::TransitionModel::WithRawCallbackMethod_StreamRollout<
        v1::TransitionModel::WithCallbackMethod_WatchModels<
            v1::TransitionModel::WithCallbackMethod_Gradient<
                v1::TransitionModel::WithCallbackMethod_Linearize<
                    v1::TransitionModel::WithCallbackMethod_GetModel<
                        v1::TransitionModel::WithCallbackMethod_ListModels<
                            v1::TransitionModel::WithCallbackMethod_ReportTransitions<
                                v1::TransitionModel::Service>>>>>>>>;

// rollout.v1.TransitionModel. Owned by the server; gRPC's threads.
class TransitionModelService final : public TransitionModelMethods {
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
  RolloutStream::Reactor* StreamRollout(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::WatchModelsReply>* WatchModels(
      grpc::CallbackServerContext* context, const v1::WatchModelsRequest* request) override;
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
  const std::unique_ptr<StreamWire> stream_wire_;
  const std::unique_ptr<ServerMetrics::Method> stream_rollout_;
  const std::unique_ptr<ServerMetrics::Method> get_model_;
  const std::unique_ptr<ServerMetrics::Method> list_models_;
  const std::unique_ptr<ServerMetrics::Method> report_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_TRANSITION_MODEL_SERVICE_H_
