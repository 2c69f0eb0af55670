#include "server/services/transition_model_service.h"

#include "server/services/gradient_work.h"
#include "server/services/model_messages.h"
#include "server/services/transition_report.h"
#include "server/services/unary_reply.h"

namespace rollout {

TransitionModelService::TransitionModelService(const CallEnvironment& environment,
                                               ServerMetrics* metrics)
    : environment_(environment),
      metrics_(metrics),
      codec_(MakeTransitionModelCodec()),
      rollout_(metrics->ForMethod("TransitionModel/Rollout")),
      gradient_(metrics->ForMethod("TransitionModel/Gradient")),
      linearize_(metrics->ForMethod("TransitionModel/Linearize")),
      stream_wire_(MakeTransitionModelStreamWire()),
      stream_rollout_(metrics->ForMethod("TransitionModel/StreamRollout")),
      get_model_(metrics->ForMethod("TransitionModel/GetModel")),
      list_models_(metrics->ForMethod("TransitionModel/ListModels")),
      report_(metrics->ForMethod("TransitionModel/ReportTransitions")) {}

grpc::ServerUnaryReactor* TransitionModelService::Rollout(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* reply) {
  return RolloutCall::Start(environment_, codec_.get(), rollout_.get(), context, request, reply);
}

grpc::ServerUnaryReactor* TransitionModelService::Gradient(grpc::CallbackServerContext* context,
                                                           const v1::GradientRequest* request,
                                                           v1::GradientReply* reply) {
  return AloneCall::Start(
      environment_, gradient_.get(), context, {request->model(), request->id()}, [&] {
        return MakeGradientWork(*request, environment_.registry, environment_.limits, reply);
      });
}

grpc::ServerUnaryReactor* TransitionModelService::Linearize(grpc::CallbackServerContext* context,
                                                            const v1::LinearizeRequest* request,
                                                            v1::LinearizeReply* reply) {
  return AloneCall::Start(
      environment_, linearize_.get(), context, {request->model(), request->id()}, [&] {
        return MakeLinearizeWork(*request, environment_.registry, environment_.limits, reply);
      });
}

RolloutStream::Reactor* TransitionModelService::StreamRollout(
    grpc::CallbackServerContext* context) {
  return RolloutStream::Start(environment_, stream_wire_.get(), stream_rollout_.get(), context);
}

grpc::ServerWriteReactor<v1::WatchModelsReply>* TransitionModelService::WatchModels(
    grpc::CallbackServerContext*, const v1::WatchModelsRequest* request) {
  return ModelWatch::Start(environment_, *request);
}

grpc::ServerUnaryReactor* TransitionModelService::GetModel(grpc::CallbackServerContext* context,
                                                           const v1::GetModelRequest* request,
                                                           v1::Model* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::StatusOr<ModelStatus> model = environment_.registry->Describe(request->model());
  if (model.ok()) *reply = ModelMessage(*model, request->dimension_errors());
  return ReplyAtOnce(environment_, get_model_.get(), context, start, model.status(),
                     request->model());
}

grpc::ServerUnaryReactor* TransitionModelService::ListModels(grpc::CallbackServerContext* context,
                                                             const v1::ListModelsRequest* request,
                                                             v1::ListModelsReply* reply) {
  const absl::Time start = environment_.clock->Now();
  for (const ModelStatus& model : environment_.registry->Describe()) {
    *reply->add_models() = ModelMessage(model, request->dimension_errors());
  }
  return ReplyAtOnce(environment_, list_models_.get(), context, start, absl::OkStatus());
}

absl::Status TransitionModelService::Report(const v1::ReportTransitionsRequest& request,
                                            v1::ReportTransitionsReply* reply) const {
  if (environment_.admission->closed()) {
    return absl::UnavailableError("the server is draining: ask another one");
  }
  const absl::StatusOr<ServableHandle> serving = environment_.registry->Find(request.model(), 0);
  if (!serving.ok()) return serving.status();
  absl::StatusOr<TransitionChunk> chunk =
      ChunkFromMessage(request, (*serving)->spec(), environment_.limits);
  if (!chunk.ok()) return chunk.status();
  const auto reported = (*serving)->prediction_error().Report(*chunk);
  if (!reported.ok()) return reported.status();

  // The other loaded versions are judged by the same observations; all versions of a model have the
  // same sizes and period, so what one of them takes, all of them take.
  const absl::StatusOr<ModelStatus> model = environment_.registry->Describe(request.model());
  if (model.ok()) {
    for (const VersionStatus& version : model->versions) {
      if (version.servable == nullptr || version.servable == *serving) continue;
      const auto other = version.servable->prediction_error().Report(*chunk);
      if (!other.ok()) return other.status();
    }
  }
  metrics_->TransitionsReported(request.model(), chunk->num_transitions);
  reply->set_accepted_transitions(chunk->num_transitions);
  reply->set_joined(reported->joined);
  reply->set_windows_left_out(reported->windows_left_out);
  if (environment_.recorder != nullptr) {
    environment_.recorder->Record((*serving)->model(), *std::move(chunk));
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* TransitionModelService::ReportTransitions(
    grpc::CallbackServerContext* context, const v1::ReportTransitionsRequest* request,
    v1::ReportTransitionsReply* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status = Report(*request, reply);
  return ReplyAtOnce(environment_, report_.get(), context, start, status, request->model());
}

}  // namespace rollout
