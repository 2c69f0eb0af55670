#include "client/retry.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace rollout {
namespace {

using absl::StatusCode;

FailedAttempt Failed(StatusCode code, int attempt, std::optional<std::string> pushback = {}) {
  FailedAttempt failed;
  failed.code = code;
  failed.attempt = attempt;
  failed.pushback_ms = std::move(pushback);
  return failed;
}

TEST(RetryDelay, Table) {
  struct Case {
    std::string what;
    FailedAttempt failed;
    std::optional<absl::Duration> expected;
  };
  FailedAttempt near_deadline = Failed(StatusCode::kUnavailable, 1);
  near_deadline.time_left = absl::Milliseconds(10);
  FailedAttempt not_repeatable = Failed(StatusCode::kUnavailable, 1);
  not_repeatable.repeatable = false;
  FailedAttempt not_repeatable_pushed = Failed(StatusCode::kUnavailable, 1, "7");
  not_repeatable_pushed.repeatable = false;
  FailedAttempt pushed_past_deadline = Failed(StatusCode::kResourceExhausted, 1, "500");
  pushed_past_deadline.time_left = absl::Milliseconds(400);
  const std::vector<Case> cases = {
      {"first backoff", Failed(StatusCode::kUnavailable, 1), absl::Milliseconds(10)},
      {"second backoff doubles", Failed(StatusCode::kUnavailable, 2), absl::Milliseconds(20)},
      {"backoff is capped", Failed(StatusCode::kUnavailable, 8), absl::Milliseconds(500)},
      {"last attempt", Failed(StatusCode::kUnavailable, 9), std::nullopt},
      {"cut off by a server that goes", Failed(StatusCode::kCancelled, 1), absl::Milliseconds(10)},
      {"the caller's fault", Failed(StatusCode::kInvalidArgument, 1), std::nullopt},
      {"the deadline", Failed(StatusCode::kDeadlineExceeded, 1), std::nullopt},
      {"a message limit", Failed(StatusCode::kResourceExhausted, 1), std::nullopt},
      {"full queue", Failed(StatusCode::kResourceExhausted, 1, "25"), absl::Milliseconds(25)},
      {"pushback overrides backoff", Failed(StatusCode::kUnavailable, 3, "0"),
       absl::ZeroDuration()},
      {"pushback forbids", Failed(StatusCode::kUnavailable, 1, "-1"), std::nullopt},
      {"unreadable pushback", Failed(StatusCode::kUnavailable, 1, "soon"), std::nullopt},
      {"pushback on another code", Failed(StatusCode::kNotFound, 1, "5"), std::nullopt},
      {"no time left", near_deadline, std::nullopt},
      {"pushback past the deadline", pushed_past_deadline, std::nullopt},
      {"may have been acted on", not_repeatable, std::nullopt},
      {"was not acted on", not_repeatable_pushed, absl::Milliseconds(7)},
  };
  RetryOptions options;
  options.max_attempts = 9;
  options.initial_backoff = absl::Milliseconds(20);
  options.max_backoff = absl::Seconds(1);
  for (const Case& c : cases) {
    EXPECT_EQ(RetryDelay(options, c.failed, 0.0), c.expected) << c.what;
  }
}

TEST(RetryDelay, JitterSpreadsFromHalfToWholeBackoff) {
  RetryOptions options;
  const FailedAttempt failed = Failed(StatusCode::kUnavailable, 1);
  EXPECT_EQ(RetryDelay(options, failed, 0.0), options.initial_backoff / 2);
  EXPECT_EQ(RetryDelay(options, failed, 0.5), options.initial_backoff * 0.75);
}

TEST(DeadlineCutReply, OnlyWhereTheDeadlineHasPassed) {
  FailedAttempt failed;
  failed.code = absl::StatusCode::kUnimplemented;
  EXPECT_FALSE(DeadlineCutReply(failed));
  failed.time_left = absl::Nanoseconds(1);
  EXPECT_FALSE(DeadlineCutReply(failed)) << "the server has no such method";
  failed.time_left = absl::ZeroDuration();
  EXPECT_TRUE(DeadlineCutReply(failed));
  failed.code = absl::StatusCode::kInvalidArgument;
  EXPECT_FALSE(DeadlineCutReply(failed));
}

}  // namespace
}  // namespace rollout
