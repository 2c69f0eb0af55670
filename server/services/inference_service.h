#ifndef ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_

#include <memory>
#include <string>

#include "inference/grpc_service.grpc.pb.h"
#include "server/services/rollout_call.h"

namespace rollout {

// inference.GRPCInferenceService: the Open Inference Protocol, version 2, as far as it fits a
// transition model. Unsupported methods stay UNIMPLEMENTED. Owned by the server; gRPC's threads.
class InferenceService final
    : public inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
          inference::GRPCInferenceService::CallbackService> {
 public:
  // `metrics` outlives the service.
  InferenceService(const CallEnvironment& environment, std::string server_version,
                   ServerMetrics* metrics);

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

 private:
  absl::Status FillModelMetadata(const inference::ModelMetadataRequest& request,
                                 inference::ModelMetadataResponse* reply) const;

  const CallEnvironment environment_;
  const std::string server_version_;
  const std::unique_ptr<RolloutCodec> codec_;
  const std::unique_ptr<ServerMetrics::Method> infer_;
  const std::unique_ptr<ServerMetrics::Method> metadata_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_INFERENCE_SERVICE_H_
