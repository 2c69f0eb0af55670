#include "server/config/server_options.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

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

// gRPC and the metrics' server each take other forms too, and mean something else by them.
absl::Status CheckAddress(absl::string_view option, const std::string& address) {
  const size_t colon = address.rfind(':');
  const bool parted = colon != std::string::npos && colon > 0;
  const absl::string_view port = parted ? absl::string_view(address).substr(colon + 1) : "";
  const bool digits =
      !port.empty() && port.find_first_not_of("0123456789") == absl::string_view::npos;
  const bool bracketed = parted && address.front() == '[' && address[colon - 1] == ']';
  const bool one_host = parted && (bracketed || address.find(':') == colon);
  int number = 0;
  if (one_host && digits && absl::SimpleAtoi(port, &number) && number <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      option, "=", address, ": expected HOST:PORT or [IPV6]:PORT with a port from 0 to 65535"));
}

absl::Status ValidateAddresses(const ServerOptions& options) {
  absl::Status status;
  if (!absl::StartsWith(options.listen, "unix:")) {
    status = CheckAddress("--listen", options.listen);
  }
  if (!options.health_listen.empty() && !absl::StartsWith(options.health_listen, "unix:")) {
    status.Update(CheckAddress("--health-listen", options.health_listen));
  }
  if (!options.metrics_listen.empty()) {
    status.Update(CheckAddress("--metrics-listen", options.metrics_listen));
  }
  return status;
}

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
  if (absl::Status s = ValidateAddresses(options); !s.ok()) return s;
  if (absl::Status s = ValidateSecurity(options); !s.ok()) return s;
  if (options.request.max_lanes > options.batch.queue_lanes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-lanes=", options.request.max_lanes,
        ": larger than --queue-lanes=", options.batch.queue_lanes,
        ", so such a request could never be queued; lower the one or raise the other"));
  }
  return absl::OkStatus();
}

}  // namespace rollout
