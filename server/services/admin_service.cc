#include "server/services/admin_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "server/services/load_wait.h"
#include "server/services/model_messages.h"
#include "server/services/unary_reply.h"

namespace rollout {
namespace {

constexpr char kForgotten[] =
    "until this server restarts: then the repository and the configuration decide again";

int64_t Version(uint64_t version) {
  return static_cast<int64_t>(std::min<uint64_t>(version, std::numeric_limits<int64_t>::max()));
}

absl::Status Fill(const absl::StatusOr<ModelStatus>& model, v1::AdminReply* reply) {
  if (!model.ok()) return model.status();
  *reply->mutable_model() = ModelMessage(*model);
  reply->set_note(kForgotten);
  return absl::OkStatus();
}

// A caller's word in a log line: names have at most 64 letters, digits, '.', '_' and '-'; nothing
// else may break the line or fill the log.
std::string Shown(absl::string_view word) { return absl::CHexEscape(word.substr(0, 64)); }

void Log(const char* operation, const std::string& model, uint64_t version,
         const std::string& label, const absl::Status& status) {
  spdlog::info("event=admin operation={} model={} version={} label={} code={} lasts=\"{}\"",
               operation, Shown(model), version, Shown(label),
               absl::StatusCodeToString(status.code()), status.ok() ? kForgotten : "");
}

}  // namespace

AdminService::AdminService(const CallEnvironment& environment, OperatorHooks hooks,
                           ServerMetrics* metrics)
    : environment_(environment),
      hooks_(std::move(hooks)),
      load_(metrics->ForMethod("Admin/Load")),
      unload_(metrics->ForMethod("Admin/Unload")),
      pin_(metrics->ForMethod("Admin/Pin")),
      set_label_(metrics->ForMethod("Admin/SetLabel")),
      drain_(metrics->ForMethod("Admin/Drain")) {}

grpc::ServerUnaryReactor* AdminService::Load(grpc::CallbackServerContext* context,
                                             const v1::LoadRequest* request,
                                             v1::AdminReply* reply) {
  const absl::Time start = environment_.clock->Now();
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  LoadWait::Start(environment_.registry, environment_.streams, hooks_.look_now, request->model(),
                  Version(request->version()), [=, this](absl::StatusOr<ModelStatus> loaded) {
                    const absl::Status status = Fill(loaded, reply);
                    Log("load", request->model(), request->version(), "", status);
                    AccessRecord record;
                    record.model = request->model();
                    record.status = status;
                    RequestAnswered(environment_, load_.get(), *context, start, std::move(record));
                    reactor->Finish(ToGrpcStatus(status, context));
                  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Unload(grpc::CallbackServerContext* context,
                                               const v1::UnloadRequest* request,
                                               v1::AdminReply* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status =
      Fill(environment_.registry->Unload(request->model(), Version(request->version())), reply);
  Log("unload", request->model(), request->version(), "", status);
  hooks_.look_now();  // an older version may take its place
  return ReplyAtOnce(environment_, unload_.get(), context, start, status, request->model());
}

grpc::ServerUnaryReactor* AdminService::Pin(grpc::CallbackServerContext* context,
                                            const v1::PinRequest* request, v1::AdminReply* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status =
      Fill(environment_.registry->Pin(request->model(), Version(request->version())), reply);
  Log("pin", request->model(), request->version(), "", status);
  return ReplyAtOnce(environment_, pin_.get(), context, start, status, request->model());
}

grpc::ServerUnaryReactor* AdminService::SetLabel(grpc::CallbackServerContext* context,
                                                 const v1::SetLabelRequest* request,
                                                 v1::AdminReply* reply) {
  const absl::Time start = environment_.clock->Now();
  const absl::Status status =
      Fill(environment_.registry->SetLabel(request->model(), request->label(),
                                           Version(request->version())),
           reply);
  Log("set_label", request->model(), request->version(), request->label(), status);
  return ReplyAtOnce(environment_, set_label_.get(), context, start, status, request->model());
}

grpc::ServerUnaryReactor* AdminService::Drain(grpc::CallbackServerContext* context,
                                              const v1::DrainRequest*, v1::DrainReply* reply) {
  const absl::Time start = environment_.clock->Now();
  Log("drain", "", 0, "", absl::OkStatus());
  reply->set_note("draining as on SIGTERM; the process ends with 0");
  grpc::ServerUnaryReactor* reactor =
      ReplyAtOnce(environment_, drain_.get(), context, start, absl::OkStatus());
  hooks_.drain();
  return reactor;
}

}  // namespace rollout
