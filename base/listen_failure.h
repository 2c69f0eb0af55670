#ifndef ROLLOUT_BASE_LISTEN_FAILURE_H_
#define ROLLOUT_BASE_LISTEN_FAILURE_H_

#include <string>

#include "absl/status/status.h"

namespace rollout {

// UNAVAILABLE naming option, value, reason and remedy for an address that a library refused to
// listen on without saying why: asks the system once more.
absl::Status ListenFailure(const std::string& option, const std::string& address);

}  // namespace rollout

#endif  // ROLLOUT_BASE_LISTEN_FAILURE_H_
