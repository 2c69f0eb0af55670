#include "server/batching/batch_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/batching/retry_pushback.h"

namespace rollout {
namespace {

using testing::ElementsAreArray;

const absl::Time kNow = absl::FromUnixSeconds(1000);

WaitingTask Lanes(int64_t lanes) { return {lanes, absl::InfiniteFuture()}; }
WaitingTask Expired(int64_t lanes) { return {lanes, kNow - absl::Milliseconds(1)}; }

struct Case {
  std::string name;
  std::vector<WaitingTask> waiting;
  std::vector<size_t> run;
  std::vector<size_t> expired;
};

class PlanBatchTest : public testing::TestWithParam<Case> {};

TEST_P(PlanBatchTest, ChoosesPrefixOfTheLiving) {
  BatchLimits limits;
  limits.batch_lanes = 10;
  const BatchPlan plan = PlanBatch(GetParam().waiting, kNow, limits);
  EXPECT_THAT(plan.run, ElementsAreArray(GetParam().run));
  EXPECT_THAT(plan.expired, ElementsAreArray(GetParam().expired));
}

INSTANTIATE_TEST_SUITE_P(
    Table, PlanBatchTest,
    testing::Values(
        Case{"OneGoesAtOnce", {Lanes(1)}, {0}, {}},
        Case{"WhatFitsGoesTogether", {Lanes(4), Lanes(5), Lanes(1)}, {0, 1, 2}, {}},
        Case{"NothingOvertakesWhatDoesNotFit", {Lanes(6), Lanes(5), Lanes(1)}, {0}, {}},
        Case{"TheFirstGoesEvenWhenLargerThanABatch", {Lanes(50), Lanes(1)}, {0}, {}},
        Case{"ExpiredOnesMakeRoom", {Expired(9), Lanes(8), Lanes(2)}, {1, 2}, {0}},
        Case{"ExpiredOnesAreFoundBehindAClosedBatch", {Lanes(8), Lanes(8), Expired(1)}, {0}, {2}},
        Case{"ADeadlineOfNowHasPassed", {{1, kNow}}, {}, {0}},
        Case{"OnlyExpired", {Expired(1), Expired(1)}, {}, {0, 1}}),
    [](const auto& info) { return info.param.name; });

TEST(HasRoomTest, CountsLanesAndDoesNotOverflow) {
  BatchLimits limits;
  limits.queue_lanes = 100;
  EXPECT_TRUE(HasRoom(0, 100, limits));
  EXPECT_TRUE(HasRoom(60, 40, limits));
  EXPECT_FALSE(HasRoom(61, 40, limits));
  EXPECT_FALSE(HasRoom(0, 101, limits));
  EXPECT_FALSE(HasRoom(1, INT64_MAX, limits));
}

TEST(RetryDelayTest, IsTheQueueAtTheMeasuredRateWithinBounds) {
  EXPECT_EQ(RetryDelay(1000, 0.0), absl::Milliseconds(100));
  EXPECT_EQ(RetryDelay(1000, 2000.0), absl::Milliseconds(500));
  EXPECT_EQ(RetryDelay(1, 1e9), absl::Milliseconds(1));
  EXPECT_EQ(RetryDelay(1'000'000'000, 1.0), absl::Seconds(10));
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
