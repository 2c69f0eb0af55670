// When a failed call is tried again, and after how long.
#ifndef ROLLOUT_CLIENT_RETRY_H_
#define ROLLOUT_CLIENT_RETRY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rollout {

struct RetryOptions {
  int max_attempts = 4;  // the first one included; 1 = never retry
  absl::Duration initial_backoff = absl::Milliseconds(20);
  absl::Duration max_backoff = absl::Seconds(1);
  double multiplier = 2.0;  // of the backoff from one attempt to the next
};

// What is known of an attempt that failed.
struct FailedAttempt {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  int attempt = 1;  // the first one is 1
  // The trailer grpc-retry-pushback-ms as the server sent it, if it did.
  std::optional<std::string> pushback_ms;
  absl::Duration time_left = absl::InfiniteDuration();  // until the call's deadline
  bool repeatable = true;  // false: the server may have acted on it, and doing so twice does harm
};

// How long to wait before the next attempt; nullopt = give up and report the failure.
// UNAVAILABLE is retried with exponential backoff (and so is CANCELLED: this client cancels
// nothing, but gRPC so ends a call that arrives just when the server shuts down), halved to whole
// by `uniform` in [0, 1) so that clients do not return in step. A push-back from the server
// overrides the backoff, makes RESOURCE_EXHAUSTED retryable as well (without it that code is a
// message limit, which no retry cures), and means that the server did not act; negative or
// unreadable = do not retry (gRFC A6). Nothing is retried past the deadline.
std::optional<absl::Duration> RetryDelay(const RetryOptions& options, const FailedAttempt& failed,
                                         double uniform);

// A refusal with the server's advice to come back after `delay`, where a call has no trailers of
// its own: one request of a stream.
absl::Status WithRetryAfter(absl::Status refusal, absl::Duration delay);

// In whole milliseconds; nullopt where the status brings no such advice.
std::optional<absl::Duration> RetryAfter(const absl::Status& refusal);

// Whether a call failed for its deadline although its code tells something else: gRPC's blocking
// calls say UNIMPLEMENTED where a status came without its message (BlockingUnaryCallImpl in
// grpcpp/impl/client_unary_call.h), which may happen to a deadline that passes between the two.
bool DeadlineCutReply(const FailedAttempt& failed);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_RETRY_H_
