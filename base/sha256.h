#ifndef ROLLOUT_BASE_SHA256_H_
#define ROLLOUT_BASE_SHA256_H_

#include <string>

#include "absl/strings/string_view.h"

namespace rollout {

// The SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace rollout

#endif  // ROLLOUT_BASE_SHA256_H_
