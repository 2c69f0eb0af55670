#include "client/retry.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace rollout {
namespace {
constexpr char kRetryAfter[] = "rollout.v1/retry-after-ms";
}  // namespace

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

absl::Status WithRetryAfter(absl::Status refusal, absl::Duration delay) {
  refusal.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
  return refusal;
}

std::optional<absl::Duration> RetryAfter(const absl::Status& refusal) {
  const absl::optional<absl::Cord> payload = refusal.GetPayload(kRetryAfter);
  int64_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

bool DeadlineCutReply(const FailedAttempt& failed) {
  return failed.code == absl::StatusCode::kUnimplemented &&
         failed.time_left <= absl::ZeroDuration();
}

}  // namespace rollout
