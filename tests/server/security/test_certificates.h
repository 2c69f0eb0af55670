// Certificates made on the spot, as real as any: keys, an authority, and what it signs.
#ifndef ROLLOUT_TESTS_SERVER_SECURITY_TEST_CERTIFICATES_H_
#define ROLLOUT_TESTS_SERVER_SECURITY_TEST_CERTIFICATES_H_

#include <memory>
#include <string>

namespace rollout {

struct PemPair {
  std::string certificate;
  std::string key;
};

// An authority with a fresh key; one thread.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  const std::string& certificate() const;  // PEM

  // A certificate for `name` (common name and DNS alternative name, and 127.0.0.1), valid for a
  // day.
  PemPair Sign(const std::string& name) const;

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_SECURITY_TEST_CERTIFICATES_H_
