#ifndef ROLLOUT_SERVER_SERVICES_CALL_DEADLINE_H_
#define ROLLOUT_SERVER_SERVICES_CALL_DEADLINE_H_

#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"
#include "base/clock.h"

namespace rollout {

// When a call must be answered, and within `timeout`. gRPC gives deadlines by the system's clock;
// ours does not jump.
inline absl::Time CallDeadline(const grpc::CallbackServerContext& context, const Clock& clock,
                               absl::Duration timeout) {
  const auto deadline = context.deadline();
  absl::Duration left = timeout;
  if (deadline != std::chrono::system_clock::time_point::max()) {
    left = std::min(left, absl::FromChrono(deadline - std::chrono::system_clock::now()));
  }
  return clock.Now() + left;
}

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_CALL_DEADLINE_H_
