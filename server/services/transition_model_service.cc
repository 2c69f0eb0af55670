#include "server/services/transition_model_service.h"

#include "server/services/model_messages.h"
#include "server/services/unary_reply.h"

namespace rollout {

TransitionModelService::TransitionModelService(const CallEnvironment& environment,
                                               ServerMetrics* metrics)
    : environment_(environment),
      codec_(MakeTransitionModelCodec()),
      rollout_(metrics->ForMethod("TransitionModel/Rollout")),
      get_model_(metrics->ForMethod("TransitionModel/GetModel")),
      list_models_(metrics->ForMethod("TransitionModel/ListModels")) {}

grpc::ServerUnaryReactor* TransitionModelService::Rollout(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* reply) {
  return RolloutCall::Start(environment_, codec_.get(), rollout_.get(), context, request, reply);
}

grpc::ServerUnaryReactor* TransitionModelService::GetModel(grpc::CallbackServerContext* context,
                                                           const v1::GetModelRequest* request,
                                                           v1::Model* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::StatusOr<ModelStatus> model = environment_.registry->Describe(request->model());
  if (model.ok()) *reply = ModelMessage(*model);
  return ReplyAtOnce(context, model.status(), get_model_.get(), environment_.clock->Now() - start);
}

grpc::ServerUnaryReactor* TransitionModelService::ListModels(grpc::CallbackServerContext* context,
                                                             const v1::ListModelsRequest*,
                                                             v1::ListModelsReply* reply) {
  const absl::Time start = environment_.clock->Now();
  for (const ModelStatus& model : environment_.registry->Describe()) {
    *reply->add_models() = ModelMessage(model);
  }
  return ReplyAtOnce(context, absl::OkStatus(), list_models_.get(),
                     environment_.clock->Now() - start);
}

}  // namespace rollout
