// The advice "come back after this long" that travels inside a refusing status.
#ifndef ROLLOUT_SERVER_BATCHING_RETRY_PUSHBACK_H_
#define ROLLOUT_SERVER_BATCHING_RETRY_PUSHBACK_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rollout {

// `status` with the advice attached. It leaves the server as the trailer `grpc-retry-pushback-ms`.
absl::Status WithRetryPushback(absl::Status status, absl::Duration delay);

// In whole milliseconds, at least 1; nullopt where there is no advice.
std::optional<absl::Duration> RetryPushback(const absl::Status& status);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_RETRY_PUSHBACK_H_
