// Triton's extensions of the Open Inference Protocol: configuration, statistics, repository.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/services/inference_service.h"
#include "server/services/inference_tensors.h"
#include "server/services/load_wait.h"
#include "server/services/unary_reply.h"

namespace rollout {
namespace {

inference::DataType Type(const InferenceTensor& tensor) {
  return tensor.datatype == "INT32" ? inference::TYPE_INT32 : inference::TYPE_FP32;
}

void FillConfig(const TransitionModelSpec& spec, inference::ModelConfig* config) {
  config->set_name(spec.name);
  config->set_platform("rollout");
  config->set_backend("rollout");
  config->set_max_batch_size(0);
  for (const InferenceTensor& tensor : InferenceInputs(spec)) {
    inference::ModelInput* input = config->add_input();
    input->set_name(tensor.name);
    input->set_data_type(Type(tensor));
    for (const int64_t size : tensor.shape) input->add_dims(size);
  }
  for (const InferenceTensor& tensor : InferenceOutputs(spec)) {
    inference::ModelOutput* output = config->add_output();
    output->set_name(tensor.name);
    output->set_data_type(Type(tensor));
    for (const int64_t size : tensor.shape) output->add_dims(size);
  }
  config->mutable_model_transaction_policy()->set_decoupled(false);
}

void Fill(const RequestStatistics::Sum& sum, inference::StatisticDuration* message) {
  message->set_count(static_cast<uint64_t>(sum.count));
  message->set_ns(static_cast<uint64_t>(absl::ToInt64Nanoseconds(sum.total)));
}

void FillStatistics(Servable& servable, inference::ModelStatistics* message) {
  const RequestStatistics::Snapshot sums = servable.metrics().requests().Get();
  message->set_name(servable.name());
  message->set_version(absl::StrCat(servable.version()));
  if (sums.last_request != absl::InfinitePast()) {
    message->set_last_inference(static_cast<uint64_t>(absl::ToUnixMillis(sums.last_request)));
  }
  message->set_inference_count(static_cast<uint64_t>(sums.lanes));
  inference::InferStatistics* stats = message->mutable_inference_stats();
  Fill(sums.success, stats->mutable_success());
  Fill(sums.fail, stats->mutable_fail());
  Fill(sums.queue, stats->mutable_queue());
  Fill(sums.input, stats->mutable_compute_input());
  Fill(sums.infer, stats->mutable_compute_infer());
  Fill(sums.output, stats->mutable_compute_output());
  stats->mutable_cache_hit();
  stats->mutable_cache_miss();
  int64_t executions = 0;
  for (const auto& [lanes, compute] : sums.batches) {
    executions += compute.count;
    inference::InferBatchStatistics* batch = message->add_batch_stats();
    batch->set_batch_size(static_cast<uint64_t>(lanes));
    Fill(compute, batch->mutable_compute_infer());
    // Engines read and write the requests' own memory: nothing is gathered into a batch.
    batch->mutable_compute_input()->set_count(static_cast<uint64_t>(compute.count));
    batch->mutable_compute_output()->set_count(static_cast<uint64_t>(compute.count));
  }
  message->set_execution_count(static_cast<uint64_t>(executions));
}

// Triton knows READY, UNAVAILABLE, LOADING and UNLOADING.
const char* IndexState(VersionState state) {
  switch (state) {
    case VersionState::kReady:
      return "READY";
    case VersionState::kLoading:
      return "LOADING";
    case VersionState::kUnloaded:
    case VersionState::kQuarantined:
      break;
  }
  return "UNAVAILABLE";
}

absl::Status CheckRepository(const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "repository_name: got \"", name, "\", expected nothing: this server has one repository"));
}

// What Triton would do with them would be another thing than what this server does.
template <typename Parameters>
absl::Status RefuseParameters(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    // Without meaning here, since no model depends on another; its clients send it always.
    if (name == "unload_dependents") continue;
    return absl::InvalidArgumentError(
        absl::StrCat("parameters: got \"", name,
                     "\", expected none: a model's configuration is its checkpoint's"));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* InferenceService::ModelConfig(
    grpc::CallbackServerContext* context, const inference::ModelConfigRequest* request,
    inference::ModelConfigResponse* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::StatusOr<ServableHandle> servable = Find(request->name(), request->version());
  if (servable.ok()) FillConfig((*servable)->spec(), reply->mutable_config());
  return ReplyAtOnce(environment_, config_.get(), context, start, servable.status(),
                     request->name());
}

grpc::ServerUnaryReactor* InferenceService::ModelStatistics(
    grpc::CallbackServerContext* context, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* reply) {
  const absl::Time start = environment_.clock->Now();
  absl::Status status;
  if (!request->version().empty()) {
    const absl::StatusOr<ServableHandle> servable = Find(request->name(), request->version());
    status = servable.status();
    if (servable.ok()) FillStatistics(**servable, reply->add_model_stats());
  } else {
    if (!request->name().empty()) {
      status = environment_.registry->Describe(request->name()).status();
    }
    for (const ModelStatus& model : environment_.registry->Describe()) {
      if (!request->name().empty() && model.name != request->name()) continue;
      for (auto it = model.versions.rbegin(); it != model.versions.rend(); ++it) {
        if (it->servable != nullptr) FillStatistics(*it->servable, reply->add_model_stats());
      }
    }
  }
  return ReplyAtOnce(environment_, statistics_.get(), context, start, status, request->name());
}

grpc::ServerUnaryReactor* InferenceService::RepositoryIndex(
    grpc::CallbackServerContext* context, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status = CheckRepository(request->repository_name());
  if (status.ok()) {
    for (const ModelStatus& model : environment_.registry->Describe()) {
      for (auto it = model.versions.rbegin(); it != model.versions.rend(); ++it) {
        if (request->ready() && it->state != VersionState::kReady) continue;
        auto* entry = reply->add_models();
        entry->set_name(model.name);
        entry->set_version(absl::StrCat(it->version));
        entry->set_state(IndexState(it->state));
        entry->set_reason(it->state == VersionState::kUnloaded ? "unloaded" : it->reason);
      }
    }
  }
  return ReplyAtOnce(environment_, index_.get(), context, start, status);
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelLoad(
    grpc::CallbackServerContext* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse*) {
  const absl::Time start = environment_.clock->Now();
  absl::Status status = CheckRepository(request->repository_name());
  if (status.ok()) status = RefuseParameters(request->parameters());
  if (!status.ok()) {
    return ReplyAtOnce(environment_, load_.get(), context, start, status, request->model_name());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  LoadWait::Start(environment_.registry, environment_.streams, hooks_.look_now,
                  request->model_name(), 0, [=, this](const absl::StatusOr<ModelStatus>& loaded) {
                    AccessRecord record;
                    record.model = request->model_name();
                    record.status = loaded.status();
                    RequestAnswered(environment_, load_.get(), *context, start, std::move(record));
                    reactor->Finish(ToGrpcStatus(loaded.status(), context));
                  });
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::RepositoryModelUnload(
    grpc::CallbackServerContext* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse*) {
  const absl::Time start = environment_.clock->Now();
  absl::Status status = CheckRepository(request->repository_name());
  if (status.ok()) status = RefuseParameters(request->parameters());
  if (status.ok()) status = environment_.registry->Unload(request->model_name(), 0).status();
  return ReplyAtOnce(environment_, unload_.get(), context, start, status, request->model_name());
}

}  // namespace rollout
