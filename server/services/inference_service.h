#ifndef ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_

#include <memory>
#include <string>

#include "inference/grpc_service.grpc.pb.h"
#include "server/services/admin_service.h"
#include "server/services/rollout_call.h"
#include "server/services/rollout_stream.h"

namespace rollout {

// The methods, those of rollouts on raw bytes (see TransitionModelMethods).
template <typename Base>
using InferenceDescriptions = inference::GRPCInferenceService::WithCallbackMethod_ServerLive<
    inference::GRPCInferenceService::WithCallbackMethod_ServerReady<
        inference::GRPCInferenceService::WithCallbackMethod_ModelReady<
            inference::GRPCInferenceService::WithCallbackMethod_ServerMetadata<
                inference::GRPCInferenceService::WithCallbackMethod_ModelMetadata<Base>>>>>;
template <typename Base>
using InferenceExtensions = inference::GRPCInferenceService::WithCallbackMethod_ModelConfig<
    inference::GRPCInferenceService::WithCallbackMethod_ModelStatistics<
        inference::GRPCInferenceService::WithCallbackMethod_RepositoryIndex<
            inference::GRPCInferenceService::WithCallbackMethod_RepositoryModelLoad<
                inference::GRPCInferenceService::WithCallbackMethod_RepositoryModelUnload<Base>>>>>;
using InferenceMethods = inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
    inference::GRPCInferenceService::WithRawCallbackMethod_ModelStreamInfer<
        InferenceDescriptions<InferenceExtensions<inference::GRPCInferenceService::Service>>>>;

// inference.GRPCInferenceService: the Open Inference Protocol, version 2, with those of Triton's
// extensions that fit a transition model. Unsupported methods are UNIMPLEMENTED. Owned by the
// server; gRPC's threads.
class InferenceService final : public InferenceMethods {
 public:
  // `metrics` outlives the service.
  InferenceService(const CallEnvironment& environment, std::string server_version,
                   OperatorHooks hooks, ServerMetrics* metrics);

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const inference::ServerLiveRequest* request,
                                       inference::ServerLiveResponse* reply) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const inference::ServerReadyRequest* request,
                                        inference::ServerReadyResponse* reply) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* reply) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const inference::ServerMetadataRequest* request,
                                           inference::ServerMetadataResponse* reply) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* reply) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* reply) override;
  RolloutStream::Reactor* ModelStreamInfer(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* context,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* reply) override;
  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext* context,
                                            const inference::ModelStatisticsRequest* request,
                                            inference::ModelStatisticsResponse* reply) override;
  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext* context,
                                            const inference::RepositoryIndexRequest* request,
                                            inference::RepositoryIndexResponse* reply) override;
  grpc::ServerUnaryReactor* RepositoryModelLoad(
      grpc::CallbackServerContext* context, const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse* reply) override;
  grpc::ServerUnaryReactor* RepositoryModelUnload(
      grpc::CallbackServerContext* context, const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse* reply) override;

 private:
  // The version that `name` and `version` mean, for calls that only describe it.
  absl::StatusOr<ServableHandle> Find(const std::string& name, const std::string& version) const;
  absl::Status FillModelMetadata(const inference::ModelMetadataRequest& request,
                                 inference::ModelMetadataResponse* reply) const;

  const CallEnvironment environment_;
  const std::string server_version_;
  const OperatorHooks hooks_;
  const std::unique_ptr<RolloutCodec> codec_;
  const std::unique_ptr<ServerMetrics::Method> infer_;
  const std::unique_ptr<StreamWire> stream_wire_;
  const std::unique_ptr<ServerMetrics::Method> stream_infer_;
  const std::unique_ptr<ServerMetrics::Method> metadata_;
  const std::unique_ptr<ServerMetrics::Method> config_;
  const std::unique_ptr<ServerMetrics::Method> statistics_;
  const std::unique_ptr<ServerMetrics::Method> index_;
  const std::unique_ptr<ServerMetrics::Method> load_;
  const std::unique_ptr<ServerMetrics::Method> unload_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_
