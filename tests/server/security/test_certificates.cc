#include "tests/server/security/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace rollout {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

void Check(bool ok) {
  if (!ok) std::abort();
}

Key NewKey() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string Pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  Check(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return Text(bio.get());
}

std::string Pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  Check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Text(bio.get());
}

void AddExtension(X509* certificate, int id, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
  Check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// A certificate for `key`, not yet signed.
Certificate NewCertificate(const std::string& name, EVP_PKEY* key, X509_NAME* issuer, int serial) {
  Certificate certificate(X509_new(), X509_free);
  X509* raw = certificate.get();
  Check(X509_set_version(raw, 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), serial);
  X509_gmtime_adj(X509_getm_notBefore(raw), -3600);
  X509_gmtime_adj(X509_getm_notAfter(raw), 24 * 3600);
  X509_set_pubkey(raw, key);
  X509_NAME* subject = X509_get_subject_name(raw);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(raw, issuer != nullptr ? issuer : subject);
  return certificate;
}

}  // namespace

struct TestAuthority::Parts {
  Key key{nullptr, EVP_PKEY_free};
  Certificate certificate{nullptr, X509_free};
  std::string pem;
  int serial = 1;
};

TestAuthority::TestAuthority() : parts_(std::make_unique<Parts>()) {
  parts_->key = NewKey();
  parts_->certificate = NewCertificate("test authority", parts_->key.get(), nullptr, 1);
  AddExtension(parts_->certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(parts_->certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  Check(X509_sign(parts_->certificate.get(), parts_->key.get(), EVP_sha256()) > 0);
  parts_->pem = Pem(parts_->certificate.get());
}

TestAuthority::~TestAuthority() = default;

const std::string& TestAuthority::certificate() const { return parts_->pem; }

PemPair TestAuthority::Sign(const std::string& name) const {
  const Key key = NewKey();
  const Certificate certificate = NewCertificate(
      name, key.get(), X509_get_subject_name(parts_->certificate.get()), ++parts_->serial);
  AddExtension(certificate.get(), NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
  Check(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()) > 0);
  return {Pem(certificate.get()), Pem(key.get())};
}

}  // namespace rollout
