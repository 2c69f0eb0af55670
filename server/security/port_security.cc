#include "server/security/port_security.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

absl::StatusOr<std::string> ReadPem(const char* option, const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return absl::NotFoundError(absl::StrCat(
        "--", option, "=", path, ": cannot be read; give a PEM file that this user may read"));
  }
  return text.str();
}

Bio Memory(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
}

absl::StatusOr<Certificate> ReadCertificate(const char* option, const std::string& path) {
  const absl::StatusOr<std::string> pem = ReadPem(option, path);
  if (!pem.ok()) return pem.status();
  Certificate certificate(PEM_read_bio_X509(Memory(*pem).get(), nullptr, nullptr, nullptr),
                          X509_free);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", option, "=", path, ": holds no certificate; expected PEM (BEGIN CERTIFICATE)"));
  }
  return certificate;
}

absl::StatusOr<Key> ReadKey(const char* option, const std::string& path) {
  const absl::StatusOr<std::string> pem = ReadPem(option, path);
  if (!pem.ok()) return pem.status();
  // An empty password instead of a question on the terminal.
  Key key(PEM_read_bio_PrivateKey(Memory(*pem).get(), nullptr, nullptr, const_cast<char*>("")),
          EVP_PKEY_free);
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", option, "=", path,
        ": holds no private key; expected PEM without a password (BEGIN PRIVATE KEY)"));
  }
  return key;
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const PortSecurityOptions& options) {
  using grpc::experimental::FileWatcherCertificateProvider;
  const auto seconds = static_cast<unsigned int>(
      std::max<int64_t>(1, absl::ToInt64Seconds(options.refresh_interval)));
  auto provider = std::make_shared<FileWatcherCertificateProvider>(
      options.tls_key, options.tls_certificate, options.tls_client_ca, seconds);
  grpc::experimental::TlsServerCredentialsOptions tls(std::move(provider));
  tls.watch_identity_key_cert_pairs();
  if (options.tls_client_ca.empty()) {
    tls.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace

absl::Status CheckTlsFiles(const PortSecurityOptions& options) {
  if (!options.tls()) return absl::OkStatus();
  const auto certificate = ReadCertificate("tls-certificate", options.tls_certificate);
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadKey("tls-key", options.tls_key);
  if (!key.ok()) return key.status();
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--tls-key=", options.tls_key, ": is not the key of --tls-certificate=",
        options.tls_certificate, "; the first certificate there must be the server's own"));
  }
  if (options.tls_client_ca.empty()) return absl::OkStatus();
  return ReadCertificate("tls-client-ca", options.tls_client_ca).status();
}

std::shared_ptr<grpc::ServerCredentials> MakePortCredentials(
    const PortSecurityOptions& options, const std::string& address,
    std::shared_ptr<grpc::AuthMetadataProcessor> authorizer) {
  std::shared_ptr<grpc::ServerCredentials> credentials;
  if (options.tls()) {
    credentials = TlsCredentials(options);
  } else if (authorizer != nullptr) {
    // gRPC's insecure credentials cannot ask who calls; local ones send the same bytes.
    credentials = grpc::experimental::LocalServerCredentials(
        absl::StartsWith(address, "unix:") ? UDS : LOCAL_TCP);
  } else {
    return grpc::InsecureServerCredentials();
  }
  if (authorizer != nullptr) credentials->SetAuthMetadataProcessor(std::move(authorizer));
  return credentials;
}

}  // namespace rollout
