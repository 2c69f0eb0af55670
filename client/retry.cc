#include "client/retry.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/numbers.h"

namespace rollout {

std::optional<absl::Duration> RetryDelay(const RetryOptions& options, const FailedAttempt& failed,
                                         double uniform) {
  if (failed.attempt >= options.max_attempts) return std::nullopt;
  const bool unavailable =
      failed.code == absl::StatusCode::kUnavailable || failed.code == absl::StatusCode::kCancelled;
  const bool exhausted = failed.code == absl::StatusCode::kResourceExhausted;
  absl::Duration delay;
  if (failed.pushback_ms.has_value()) {
    int64_t milliseconds;
    if (!(unavailable || exhausted) || !absl::SimpleAtoi(*failed.pushback_ms, &milliseconds) ||
        milliseconds < 0) {
      return std::nullopt;
    }
    delay = absl::Milliseconds(milliseconds);
  } else {
    if (!unavailable || !failed.repeatable) return std::nullopt;
    const absl::Duration backoff =
        std::min(options.initial_backoff * std::pow(options.multiplier, failed.attempt - 1),
                 options.max_backoff);
    delay = backoff * (0.5 + 0.5 * uniform);
  }
  if (delay >= failed.time_left) return std::nullopt;
  return delay;
}

bool DeadlineCutReply(const FailedAttempt& failed) {
  return failed.code == absl::StatusCode::kUnimplemented &&
         failed.time_left <= absl::ZeroDuration();
}

}  // namespace rollout
