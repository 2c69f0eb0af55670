#include "server/batching/abandoned.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

TEST(WorthReadingTest, Table) {
  const absl::Time now = absl::UnixEpoch();
  struct Case {
    bool cancelled;
    absl::Time deadline;
    absl::StatusCode code;
  };
  for (const Case& c : {
           Case{false, absl::InfiniteFuture(), absl::StatusCode::kOk},
           Case{false, now + absl::Nanoseconds(1), absl::StatusCode::kOk},
           Case{false, now, absl::StatusCode::kDeadlineExceeded},
           Case{false, now - absl::Seconds(2), absl::StatusCode::kDeadlineExceeded},
           Case{true, absl::InfiniteFuture(), absl::StatusCode::kCancelled},
           Case{true, now - absl::Seconds(2), absl::StatusCode::kCancelled},
       }) {
    EXPECT_EQ(WorthReading(c.cancelled, c.deadline, now).code(), c.code)
        << c.cancelled << " " << c.deadline;
  }
}

TEST(DeadlinePassedTest, SaysWhenAndByHowMuch) {
  EXPECT_THAT(DeadlinePassed(absl::UnixEpoch(), absl::UnixEpoch() + absl::Milliseconds(3),
                             "while the request waited"),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "deadline passed while the request waited, 3ms ago: allow more time, fewer "
                       "lanes or a shorter horizon"));
}

}  // namespace
}  // namespace rollout
