#include "models/trajectory_spread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace rollout {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(StateSpreadTest, IsTheRangeOfEachDimensionOverAllLanesAndTimes) {
  const std::vector<float> states = {0, 10, 2, 11, -1, 10.5};
  EXPECT_THAT(StateSpread(absl::MakeConstSpan(states), 2), ElementsAre(3.0, 1.0));
}

TEST(StateSpreadTest, OfAStillDimensionIsAThousandthOfItsSizeButNotNothing) {
  const std::vector<double> states = {-4, 0, -4, 0};
  EXPECT_THAT(StateSpread(absl::MakeConstSpan(states), 2),
              ElementsAre(DoubleNear(4e-3, 1e-15), DoubleNear(1e-6, 1e-18)));
}

TEST(StateSpreadTest, LeavesOutWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> states = {1, infinity, -infinity, infinity, 3, infinity};
  EXPECT_THAT(StateSpread(absl::MakeConstSpan(states), 2),
              ElementsAre(2.0, DoubleNear(1e-6, 1e-18)));
}

}  // namespace
}  // namespace rollout
