#include "server/services/grpc_status.h"

#include <grpcpp/server_context.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/batching/retry_pushback.h"

namespace rollout {
namespace {

constexpr size_t kMostText = 2048;  // bytes

// Whether `byte` goes on with a character of UTF-8 that began before it.
bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

std::string ErrorText(const absl::Status& status) {
  const absl::string_view message = status.message();
  if (message.size() <= kMostText) return std::string(message);
  size_t end = kMostText;
  while (end > 0 && Continues(message[end])) --end;
  return absl::StrCat(message.substr(0, end), "... (", message.size() - end, " bytes more)");
}

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::CallbackServerContext* context) {
  if (status.ok()) return grpc::Status::OK;
  if (const auto delay = RetryPushback(status)) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms",
                                 absl::StrCat(absl::ToInt64Milliseconds(*delay)));
  }
  // Both enumerations are the canonical codes with the same numbers.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), ErrorText(status));
}

}  // namespace rollout
