// How a port proves who it is and asks who calls.
#ifndef ROLLOUT_SERVER_SECURITY_PORT_SECURITY_H_
#define ROLLOUT_SERVER_SECURITY_PORT_SECURITY_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rollout {

struct PortSecurityOptions {
  // PEM. Both or neither; read again when they change, which new connections see.
  std::string tls_certificate;  // chain, the server's own first
  std::string tls_key;
  std::string
      tls_client_ca;        // clients must show a certificate that one of these signed; empty = no
  std::string access_file;  // access_list.h; empty = whoever can connect may do everything
  absl::Duration refresh_interval = absl::Seconds(1);

  bool tls() const { return !tls_certificate.empty(); }
};

// INVALID_ARGUMENT or NOT_FOUND naming option, file and remedy: a file that cannot be read or is no
// PEM of its kind, a key that is not the certificate's.
absl::Status CheckTlsFiles(const PortSecurityOptions& options);

// Credentials for --listen. `authorizer` may be null (no access file). Plain text with an
// authorizer is for loopback and unix sockets alone: the peer is then checked to be local.
std::shared_ptr<grpc::ServerCredentials> MakePortCredentials(
    const PortSecurityOptions& options, const std::string& address,
    std::shared_ptr<grpc::AuthMetadataProcessor> authorizer);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SECURITY_PORT_SECURITY_H_
