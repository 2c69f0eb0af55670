#include "server/security/call_authorizer.h"

#include <grpcpp/security/auth_context.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"

namespace rollout {
namespace {

std::string Text(grpc::string_ref text) { return {text.data(), text.size()}; }

void AddNames(const grpc::AuthContext& context, const char* property, Credentials* credentials) {
  for (const grpc::string_ref& name : context.FindPropertyValues(property)) {
    credentials->certificate_names.push_back(Text(name));
  }
}

}  // namespace

grpc::Status CallAuthorizer::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                                     OutputMetadata*, OutputMetadata*) {
  Credentials credentials;
  const auto [begin, end] = metadata.equal_range("authorization");
  for (auto it = begin; it != end; ++it) credentials.authorization.push_back(Text(it->second));
  if (context != nullptr && context->IsPeerAuthenticated()) {
    AddNames(*context, "x509_subject_alternative_name", &credentials);
    AddNames(*context, "x509_common_name", &credentials);
  }
  const auto path = metadata.find(":path");
  const std::string method = path == metadata.end() ? "" : Text(path->second);
  const absl::StatusOr<std::string> principal =
      access_->list()->Authorize(credentials, RequiredPermission(method));
  if (principal.ok()) return grpc::Status::OK;
  metrics_->Refused(principal.status().code());
  LogRefusal(principal.status(), method);
  WriteDown(principal.status(), metadata, method);
  return grpc::Status(static_cast<grpc::StatusCode>(principal.status().code()),
                      std::string(principal.status().message()));
}

void CallAuthorizer::WriteDown(const absl::Status& refusal, const InputMetadata& metadata,
                               absl::string_view path) const {
  if (access_log_ == nullptr) return;
  AccessRecord record;
  record.time = absl::Now();
  // "/rollout.v1.TransitionModel/Rollout" is "TransitionModel/Rollout" elsewhere.
  const size_t slash = path.rfind('/');
  const size_t dot = path.substr(0, slash).rfind('.');
  record.method = std::string(dot == absl::string_view::npos ? path : path.substr(dot + 1));
  record.status = refusal;
  const auto traceparent = metadata.find("traceparent");
  if (traceparent != metadata.end()) {
    record.trace = ParseTraceparent({traceparent->second.data(), traceparent->second.size()});
  }
  access_log_->Write(std::move(record));
}

void CallAuthorizer::LogRefusal(const absl::Status& refusal, absl::string_view path) {
  // The 1st, 2nd, 4th, 8th ...: whoever knocks a million times does not fill the disk.
  const int64_t count = ++refused_;
  if ((count & (count - 1)) != 0) return;
  spdlog::warn("event=call_refused code={} method=\"{}\" refused_so_far={} reason=\"{}\"",
               absl::StatusCodeToString(refusal.code()), std::string(path.substr(0, 200)), count,
               std::string(refusal.message()));
}

}  // namespace rollout
