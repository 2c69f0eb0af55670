#include "server/batching/batch_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/batching/retry_pushback.h"

namespace rollout {
namespace {

TEST(HasRoomTest, CountsLanesAndDoesNotOverflow) {
  BatchLimits limits;
  limits.queue_lanes = 100;
  EXPECT_TRUE(HasRoom(0, 0, 100, 0, limits));
  EXPECT_TRUE(HasRoom(60, 0, 40, 0, limits));
  EXPECT_FALSE(HasRoom(61, 0, 40, 0, limits));
  EXPECT_FALSE(HasRoom(0, 0, 101, 0, limits));
  EXPECT_FALSE(HasRoom(1, 0, INT64_MAX, 0, limits));
}

TEST(HasRoomTest, CountsBytesOfWhatWaitsBehindSomething) {
  BatchLimits limits;
  limits.queue_bytes = 100;
  EXPECT_TRUE(HasRoom(1, 60, 1, 40, limits));
  EXPECT_FALSE(HasRoom(1, 61, 1, 40, limits));
  EXPECT_FALSE(HasRoom(1, 1, 1, INT64_MAX, limits));
  EXPECT_TRUE(HasRoom(0, 0, 1, 1000, limits)) << "or it could never be computed";
}

TEST(RetryDelayTest, IsTheQueueAtTheMeasuredRateWithinBounds) {
  EXPECT_EQ(RetryDelay(1000, 0.0), absl::Milliseconds(100));
  EXPECT_EQ(RetryDelay(1000, 2000.0), absl::Milliseconds(500));
  EXPECT_EQ(RetryDelay(1, 1e9), absl::Milliseconds(1));
  EXPECT_EQ(RetryDelay(1'000'000'000, 1.0), absl::Seconds(10));
}

TEST(ComputesHereTest, OnlyWhatIsKnownToBeShort) {
  struct Case {
    int64_t lanes, horizon;
    absl::Duration transition;
    bool here;
  };
  for (const Case& c : {
           Case{1, 1, absl::ZeroDuration(), false},  // not measured yet
           Case{1, 1, absl::Microseconds(50), true},
           Case{1, 1, absl::Microseconds(51), false},
           Case{1, 100, absl::Nanoseconds(500), true},
           Case{2, 100, absl::Nanoseconds(500), false},
           Case{INT64_MAX / 2, INT64_MAX / 2, absl::Nanoseconds(1), false},
       }) {
    EXPECT_EQ(ComputesHere(c.lanes, c.horizon, c.transition), c.here)
        << c.lanes << " lanes, horizon " << c.horizon << ", " << c.transition;
  }
}

TEST(UpdatedMeanTest, FollowsSlowlyAndBelievesNoOutlier) {
  absl::Duration mean = UpdatedMean(absl::ZeroDuration(), absl::Microseconds(10));
  EXPECT_EQ(mean, absl::Microseconds(10));
  EXPECT_EQ(UpdatedMean(mean, absl::Seconds(1)), absl::Microseconds(11));
  EXPECT_EQ(UpdatedMean(mean, absl::Microseconds(5)), absl::Nanoseconds(9500));
}

TEST(ComputeRateTest, IsWorkOverTimeOfTheRecentPast) {
  ComputeRate rate;
  EXPECT_EQ(rate.per_second(), 0.0);
  rate.Add(100, absl::Seconds(1));
  EXPECT_DOUBLE_EQ(rate.per_second(), 100.0);
  for (int i = 0; i < 300; ++i) rate.Add(50, absl::Seconds(1));
  EXPECT_NEAR(rate.per_second(), 50.0, 0.01);
}

TEST(RetryPushbackTest, TravelsInTheStatusInWholeMilliseconds) {
  const absl::Status status =
      WithRetryPushback(absl::ResourceExhaustedError("full"), absl::Microseconds(1500));
  EXPECT_EQ(status.message(), "full");
  EXPECT_EQ(RetryPushback(status), absl::Milliseconds(2));
  EXPECT_EQ(RetryPushback(absl::ResourceExhaustedError("full")), std::nullopt);
}

}  // namespace
}  // namespace rollout
