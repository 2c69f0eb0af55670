#include "server/config/server_options.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {

bool IsLoopback(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  // The whole of 127.0.0.0/8, but no name that merely begins like it.
  const bool ipv4 =
      absl::StartsWith(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return ipv4 || host == "localhost" || host == "[::1]";
}

absl::Status ValidateOptions(const ServerOptions& options) {
  if (options.model_repository.empty()) {
    return absl::InvalidArgumentError(
        "--model-repository: got nothing; give the folder that holds <model>/<version>/");
  }
  if (!IsLoopback(options.listen) && !options.insecure) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=", options.listen,
        ": reachable from other machines, and this build has no TLS; listen on 127.0.0.1 behind a "
        "proxy or mesh that has, or give --insecure to serve in plain text"));
  }
  if (options.request.max_lanes > options.batch.queue_lanes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-lanes=", options.request.max_lanes, ": larger than --queue-lanes=",
        options.batch.queue_lanes, ", so such a request could never be queued; raise the latter"));
  }
  return absl::OkStatus();
}

}  // namespace rollout
