#include "client/channel_security.h"

#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return text.str();
}

}  // namespace

absl::StatusOr<ChannelSecrets> ReadChannelSecrets(const ChannelSecurityOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError(
        "got a client certificate without its key or a key without its certificate; give both");
  }
  ChannelSecrets secrets;
  secrets.tls = options.tls || !options.tls_ca.empty() || !options.tls_certificate.empty() ||
                !options.tls_server_name.empty();
  struct File {
    const std::string& path;
    std::string& to;
  };
  for (const File& file :
       {File{options.tls_ca, secrets.ca}, File{options.tls_certificate, secrets.certificate},
        File{options.tls_key, secrets.key}}) {
    absl::StatusOr<std::string> text = ReadText(file.path);
    if (!text.ok()) return text.status();
    file.to = *std::move(text);
  }
  return secrets;
}

absl::StatusOr<std::string> TokenFile::Authorization() {
  if (path_.empty()) return std::string();
  MutexLock lock(&mutex_);
  if (clock_.Now() - read_ < absl::Seconds(1)) return authorization_;
  absl::StatusOr<std::string> text = ReadText(path_);
  if (!text.ok()) return text.status();
  const std::string token(absl::StripAsciiWhitespace(text->substr(0, text->find('\n'))));
  if (token.empty()) {
    return absl::NotFoundError(absl::StrCat(path_, ": found no token on its first line"));
  }
  authorization_ = absl::StrCat("Bearer ", token);
  read_ = clock_.Now();
  return authorization_;
}

}  // namespace rollout
