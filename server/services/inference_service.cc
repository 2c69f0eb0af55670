#include "server/services/inference_service.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/services/inference_tensors.h"
#include "server/services/unary_reply.h"

namespace rollout {
namespace {

grpc::ServerUnaryReactor* FinishOk(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

void AddTensors(
    const std::vector<InferenceTensor>& tensors,
    google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>* field) {
  for (const InferenceTensor& tensor : tensors) {
    auto* metadata = field->Add();
    metadata->set_name(tensor.name);
    metadata->set_datatype(tensor.datatype);
    for (const int64_t size : tensor.shape) metadata->add_shape(size);
  }
}

}  // namespace

InferenceService::InferenceService(const CallEnvironment& environment, std::string server_version,
                                   OperatorHooks hooks, ServerMetrics* metrics)
    : environment_(environment),
      server_version_(std::move(server_version)),
      hooks_(std::move(hooks)),
      codec_(MakeInferenceCodec()),
      infer_(metrics->ForMethod("GRPCInferenceService/ModelInfer")),
      stream_wire_(MakeInferenceStreamWire()),
      stream_infer_(metrics->ForMethod("GRPCInferenceService/ModelStreamInfer")),
      metadata_(metrics->ForMethod("GRPCInferenceService/ModelMetadata")),
      config_(metrics->ForMethod("GRPCInferenceService/ModelConfig")),
      statistics_(metrics->ForMethod("GRPCInferenceService/ModelStatistics")),
      index_(metrics->ForMethod("GRPCInferenceService/RepositoryIndex")),
      load_(metrics->ForMethod("GRPCInferenceService/RepositoryModelLoad")),
      unload_(metrics->ForMethod("GRPCInferenceService/RepositoryModelUnload")) {}

grpc::ServerUnaryReactor* InferenceService::ServerLive(grpc::CallbackServerContext* context,
                                                       const inference::ServerLiveRequest*,
                                                       inference::ServerLiveResponse* reply) {
  reply->set_live(true);
  return FinishOk(context);
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(grpc::CallbackServerContext* context,
                                                        const inference::ServerReadyRequest*,
                                                        inference::ServerReadyResponse* reply) {
  reply->set_ready(environment_.registry->Ready() && !environment_.admission->draining());
  return FinishOk(context);
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(grpc::CallbackServerContext* context,
                                                       const inference::ModelReadyRequest* request,
                                                       inference::ModelReadyResponse* reply) {
  // Unknown names and versions are not ready, which is no error.
  const absl::StatusOr<ModelStatus> model = environment_.registry->Describe(request->name());
  const std::optional<int64_t> version = ParseVersion(request->version());
  bool ready = false;
  if (model.ok() && request->version().empty()) {
    ready = model->serving_version != 0;
  } else if (model.ok() && version) {
    ready = std::any_of(model->versions.begin(), model->versions.end(), [&](const auto& status) {
      return status.version == *version && status.state == VersionState::kReady;
    });
  }
  reply->set_ready(ready && !environment_.admission->draining());
  return FinishOk(context);
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(
    grpc::CallbackServerContext* context, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* reply) {
  reply->set_name("rolloutd");
  reply->set_version(server_version_);
  // What is advertised is what clients use: perf_analyzer reads statistics only where they are.
  for (const char* extension : {"model_configuration", "model_repository", "statistics"}) {
    reply->add_extensions(extension);
  }
  return FinishOk(context);
}

absl::StatusOr<ServableHandle> InferenceService::Find(const std::string& name,
                                                      const std::string& version) const {
  if (version.empty()) return environment_.registry->Find(name, 0);
  const std::optional<int64_t> parsed = ParseVersion(version);
  if (parsed) return environment_.registry->Find(name, *parsed);
  return absl::InvalidArgumentError(
      absl::StrCat("version: got \"", version, "\", expected a positive whole number"));
}

absl::Status InferenceService::FillModelMetadata(const inference::ModelMetadataRequest& request,
                                                 inference::ModelMetadataResponse* reply) const {
  const absl::StatusOr<ServableHandle> servable = Find(request.name(), request.version());
  if (!servable.ok()) return servable.status();
  const absl::StatusOr<ModelStatus> model = environment_.registry->Describe(request.name());
  if (!model.ok()) return model.status();

  const TransitionModelSpec& spec = (*servable)->spec();
  reply->set_name(spec.name);
  for (auto it = model->versions.rbegin(); it != model->versions.rend(); ++it) {
    if (it->state == VersionState::kReady) reply->add_versions(absl::StrCat(it->version));
  }
  reply->set_platform("rollout");
  AddTensors(InferenceInputs(spec), reply->mutable_inputs());
  AddTensors(InferenceOutputs(spec), reply->mutable_outputs());
  auto& properties = *reply->mutable_properties();
  properties["kind"] = Name(spec.dynamics.kind);
  properties["transition_dt"] = absl::StrCat(spec.transition_dt);
  properties["engine"] = (*servable)->engine_info().engine;
  properties["device"] = (*servable)->engine_info().device;
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(
    grpc::CallbackServerContext* context, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status = FillModelMetadata(*request, reply);
  return ReplyAtOnce(environment_, metadata_.get(), context, start, status, request->name());
}

grpc::ServerUnaryReactor* InferenceService::ModelInfer(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* reply) {
  return RolloutCall::Start(environment_, codec_.get(), infer_.get(), context, request, reply);
}

RolloutStream::Reactor* InferenceService::ModelStreamInfer(grpc::CallbackServerContext* context) {
  return RolloutStream::Start(environment_, stream_wire_.get(), stream_infer_.get(), context);
}

}  // namespace rollout
