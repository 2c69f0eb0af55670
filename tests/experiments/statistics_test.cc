#include "experiments/statistics.h"

#include <cmath>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(StatisticsTest, MedianOfOddEvenAndNotFinite) {
  EXPECT_EQ(Median({3.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(Median({4.0, 1.0, 2.0, 3.0}), 2.5);
  EXPECT_EQ(Median({NAN, 1.0, 2.0}), 2.0);  // a diverged rollout is the worst, not left out
  EXPECT_TRUE(std::isnan(Median({NAN, NAN, 1.0})));
  EXPECT_TRUE(std::isnan(Median({})));
}

// The median of 45 standard normal numbers has a standard deviation of about 1.25 / sqrt(45).
TEST(StatisticsTest, BootstrapIntervalHoldsTheMedianAndHasItsWidth) {
  Random random(3);
  std::vector<std::vector<double>> groups(3);
  for (std::vector<double>& group : groups) {
    for (int i = 0; i < 15; ++i) group.push_back(random.Normal());
  }
  const Interval interval = BootstrapMedian(groups, 1);
  EXPECT_LT(interval.low, 0.0);
  EXPECT_GT(interval.high, 0.0);
  EXPECT_GT(interval.high - interval.low, 0.3);
  EXPECT_LT(interval.high - interval.low, 2.0);
}

TEST(StatisticsTest, BootstrapKeepsSeedsTogether) {
  // Within a seed nothing differs: only the choice of seeds moves the median.
  const Interval interval = BootstrapMedian({{1, 1, 1}, {2, 2, 2}, {3, 3, 3}}, 1);
  EXPECT_EQ(interval.low, 1.0);
  EXPECT_EQ(interval.high, 3.0);
}

TEST(StatisticsTest, SpreadIsOfSeveralSeeds) {
  EXPECT_EQ(WithSpread({0.123456}), "0.123");
  EXPECT_EQ(WithSpread({3.0, 1.0, 2.5}), "2.5 [1, 3]");
  EXPECT_EQ(WithSpread(7.0, {3.0, 1.0}), "7 [1, 3]");
  EXPECT_EQ(WithSpread({1.0, NAN, 2.0}), "2 [1, nan]");
}

TEST(StatisticsTest, RankCorrelationSeesOrderAlone) {
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3, 4}, {1, 10, 11, 1e9}), 1.0);
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3, 4}, {4, 3, 2, -7}), -1.0);
  // d = 1, 1, 0, 0: 1 - 6 sum d^2 / (n (n^2 - 1)) = 1 - 12 / 60.
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3, 4}, {2, 1, 3, 4}), 0.8);
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 1, 2, 2}, {3, 3, 5, 5}), 1.0);
  EXPECT_TRUE(std::isnan(RankCorrelation({1, 1, 1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(RankCorrelation({1, 2, std::nan("")}, {1, 2, 3})));
}

}  // namespace
}  // namespace rollout
