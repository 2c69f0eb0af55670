#include "client/admin_client.h"

#include <grpcpp/grpcpp.h>

#include "rollout/v1/admin.grpc.pb.h"
#include "rollout/v1/transition_model.grpc.pb.h"

namespace rollout {
namespace {

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

template <typename Reply, typename Request>
absl::StatusOr<Reply> Call(const Client& client, absl::Duration timeout,
                           grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Reply*),
                           const Request& request) {
  const auto stub = v1::Admin::NewStub(client.channel());
  grpc::ClientContext context;
  if (absl::Status s = client.Authorize(&context); !s.ok()) return s;
  if (timeout != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  Reply reply;
  const grpc::Status status = (stub.get()->*method)(&context, request, &reply);
  if (!status.ok()) return FromGrpc(status);
  return reply;
}

}  // namespace

absl::StatusOr<v1::AdminReply> AdminClient::Load(const std::string& model, uint64_t version) const {
  v1::LoadRequest request;
  request.set_model(model);
  request.set_version(version);
  return Call<v1::AdminReply>(*client_, timeout_, &v1::Admin::Stub::Load, request);
}

absl::StatusOr<v1::AdminReply> AdminClient::Unload(const std::string& model,
                                                   uint64_t version) const {
  v1::UnloadRequest request;
  request.set_model(model);
  request.set_version(version);
  return Call<v1::AdminReply>(*client_, timeout_, &v1::Admin::Stub::Unload, request);
}

absl::StatusOr<v1::AdminReply> AdminClient::Pin(const std::string& model, uint64_t version) const {
  v1::PinRequest request;
  request.set_model(model);
  request.set_version(version);
  return Call<v1::AdminReply>(*client_, timeout_, &v1::Admin::Stub::Pin, request);
}

absl::StatusOr<v1::AdminReply> AdminClient::SetLabel(const std::string& model,
                                                     const std::string& label,
                                                     uint64_t version) const {
  v1::SetLabelRequest request;
  request.set_model(model);
  request.set_label(label);
  request.set_version(version);
  return Call<v1::AdminReply>(*client_, timeout_, &v1::Admin::Stub::SetLabel, request);
}

absl::StatusOr<v1::DrainReply> AdminClient::Drain() const {
  return Call<v1::DrainReply>(*client_, timeout_, &v1::Admin::Stub::Drain, v1::DrainRequest());
}

absl::Status AdminClient::Watch(
    const std::vector<std::string>& models,
    const std::function<bool(const v1::WatchModelsReply&)>& told) const {
  const auto stub = v1::TransitionModel::NewStub(client_->channel());
  grpc::ClientContext context;
  if (absl::Status s = client_->Authorize(&context); !s.ok()) return s;
  v1::WatchModelsRequest request;
  for (const std::string& model : models) request.add_models(model);
  const auto watch = stub->WatchModels(&context, request);
  v1::WatchModelsReply reply;
  while (watch->Read(&reply)) {
    if (told(reply)) continue;
    context.TryCancel();
    watch->Finish();
    return absl::OkStatus();
  }
  return FromGrpc(watch->Finish());
}

}  // namespace rollout
