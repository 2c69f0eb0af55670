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

namespace {

absl::Status ValidateSecurity(const ServerOptions& options) {
  const PortSecurityOptions& security = options.security;
  if (security.tls_certificate.empty() != security.tls_key.empty()) {
    return absl::InvalidArgumentError(
        security.tls_key.empty()
            ? absl::StrCat("--tls-certificate=", security.tls_certificate,
                           ": got no key; give --tls-key as well")
            : absl::StrCat("--tls-key=", security.tls_key,
                           ": got no certificate; give --tls-certificate as well"));
  }
  if (!security.tls_client_ca.empty() && !security.tls()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-client-ca=", security.tls_client_ca,
                     ": clients can show certificates over TLS alone; give --tls-certificate and "
                     "--tls-key as well"));
  }
  if (IsLoopback(options.listen) || security.tls()) return absl::OkStatus();
  if (!options.insecure) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=", options.listen,
        ": reachable from other machines without TLS; give --tls-certificate and --tls-key, listen "
        "on 127.0.0.1 behind a proxy or mesh, or give --insecure to serve in plain text"));
  }
  if (!security.access_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--access-file=", security.access_file, ": with --insecure on --listen=", options.listen,
        " tokens would cross the network in plain text; give --tls-certificate and --tls-key"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateOptions(const ServerOptions& options) {
  if (options.model_repository.empty()) {
    return absl::InvalidArgumentError(
        "--model-repository: got nothing; give the folder that holds <model>/<version>/");
  }
  if (absl::Status s = ValidateSecurity(options); !s.ok()) return s;
  if (options.request.max_lanes > options.batch.queue_lanes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-lanes=", options.request.max_lanes, ": larger than --queue-lanes=",
        options.batch.queue_lanes, ", so such a request could never be queued; raise the latter"));
  }
  return absl::OkStatus();
}

}  // namespace rollout
