#include "client/rolloutctl/command.h"

#include <netdb.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace rollout {
namespace {

bool ParseDuration(const std::string& text, absl::Duration* value) {
  double seconds;
  if (absl::SimpleAtod(text, &seconds)) {
    *value = absl::Seconds(seconds);
    return std::isfinite(seconds) && seconds > 0;
  }
  return absl::ParseDuration(text, value) && *value > absl::ZeroDuration();
}

// OK, or why "host:port" cannot be an address; what gRPC alone resolves (dns:///...) is taken as it
// is.
absl::Status CheckName(const std::string& server) {
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos || absl::StrContains(server, "/")) return absl::OkStatus();
  const std::string host(
      absl::StripSuffix(absl::StripPrefix(absl::string_view(server).substr(0, colon), "["), "]"));
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (failure == 0) {
    freeaddrinfo(found);
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("--server ", server, ": the name ", host,
                                             " does not resolve: ", gai_strerror(failure)));
}

}  // namespace

void AddSecurityOptions(CLI::App* app, ChannelSecurityOptions* security) {
  app->add_flag("--tls", security->tls, "speak TLS (implied by the other --tls options)");
  app->add_option("--tls-ca", security->tls_ca,
                  "PEM of who signed the server's certificate (default: the system's)")
      ->envname("ROLLOUTCTL_TLS_CA");
  app->add_option("--tls-certificate", security->tls_certificate,
                  "PEM of the certificate to show to the server")
      ->envname("ROLLOUTCTL_TLS_CERTIFICATE");
  app->add_option("--tls-key", security->tls_key, "PEM of its private key")
      ->envname("ROLLOUTCTL_TLS_KEY");
  app->add_option("--tls-server-name", security->tls_server_name,
                  "the name that the server's certificate must say, where it is not the address");
  app->add_option("--token-file", security->token_file, "file that holds the bearer token")
      ->envname("ROLLOUTCTL_TOKEN_FILE");
}

absl::StatusOr<std::unique_ptr<Client>> ConnectTo(const CommonOptions& common,
                                                  ClientOptions options) {
  options.connect_timeout = std::min(absl::Seconds(5), common.timeout);
  options.deadline = common.timeout;
  options.security = common.security;
  auto client = Client::Connect(common.server, options);
  if (absl::IsUnavailable(client.status())) {
    if (absl::Status status = CheckName(common.server); !status.ok()) return status;
  }
  return client;
}

int ExitStatus(const absl::Status& status) {
  if (status.ok()) return 0;
  // One line whatever the server sent.
  std::string message = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  if (message.empty()) message = "the server gave no reason: is it a rolloutd of this version?";
  std::fprintf(stderr, "rolloutctl: %s (%s)\n", message.c_str(),
               absl::StatusCodeToString(status.code()).c_str());
  return 1;
}

CLI::Option* AddDurationOption(CLI::App* app, const std::string& name, absl::Duration* value,
                               const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, value](const std::string& text) {
            if (!ParseDuration(text, value)) {
              throw CLI::ValidationError(
                  name, absl::StrCat("\"", text,
                                     "\" is no positive duration: expected for instance 5s, "
                                     "250ms or 0.5 (seconds)"));
            }
          },
          description)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(*value));
}

}  // namespace rollout
