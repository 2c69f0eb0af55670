// How a client proves who it is and asks who the server is.
#ifndef ROLLOUT_CLIENT_CHANNEL_SECURITY_H_
#define ROLLOUT_CLIENT_CHANNEL_SECURITY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace rollout {

struct ChannelSecurityOptions {
  bool tls = false;             // also where one of the next three is given
  std::string tls_ca;           // PEM of who may have signed the server's; empty = the system's
  std::string tls_certificate;  // PEM chain that this client shows; with tls_key
  std::string tls_key;
  std::string tls_server_name;  // what the server's certificate must say; empty = the address
  std::string token_file;       // its first line is the bearer token; it may change
};

// gRPC's arguments, read from the files: PEM texts, empty where there is none.
struct ChannelSecrets {
  bool tls = false;
  std::string ca;
  std::string certificate;
  std::string key;
};

// NOT_FOUND naming the file that cannot be read, INVALID_ARGUMENT for a certificate without its key
// or the other way round.
absl::StatusOr<ChannelSecrets> ReadChannelSecrets(const ChannelSecurityOptions& options);

// What a token file says, read again when it is older than a second: tokens are renewed while a
// client runs. Owned by the client; any thread.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  // "Bearer <token>"; empty where no file was given. NOT_FOUND where it cannot be read or is empty.
  absl::StatusOr<std::string> Authorization() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string path_;
  const SteadyClock clock_;
  Mutex mutex_;
  absl::Time read_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::string authorization_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_CHANNEL_SECURITY_H_
