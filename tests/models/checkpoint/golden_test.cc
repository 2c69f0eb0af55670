#include "models/checkpoint/golden.h"

#include <cmath>
#include <limits>

#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

// One position, no controls; 2 lanes of 2 steps: spread 4 in position, 1e-3 in velocity (still).
GoldenSet SomeGolden() {
  GoldenSet golden;
  golden.lanes = 2;
  golden.horizon = 2;
  golden.initial_state = {0, 1, 2, 1};
  golden.trajectory = {0, 1, 1, 1, 2, 1, 2, 1, 3, 1, 4, 1};
  return golden;
}

TransitionModelSpec SomeSpec() {
  SpecChoice choice;
  choice.num_positions = 1;
  choice.num_controls = 0;
  return MakeSpec(choice);
}

TEST(CompareWithGoldenTest, TheSameTrajectoryDoesNotDeviate) {
  EXPECT_EQ(CompareWithGolden(SomeGolden(), SomeSpec(), SomeGolden().trajectory).worst, 0.0);
}

TEST(CompareWithGoldenTest, FindsTheWorstPlaceOnTheScaleOfItsDimension) {
  std::vector<float> trajectory = SomeGolden().trajectory;
  trajectory[2] += 0.5f;      // 0.125 of the position's spread
  trajectory[9] += 0.00025f;  // 0.25 of the velocity's
  const GoldenDeviation deviation = CompareWithGolden(SomeGolden(), SomeSpec(), trajectory);
  EXPECT_NEAR(deviation.worst, 0.25, 1e-3);
  EXPECT_EQ(deviation.lane, 1);
  EXPECT_EQ(deviation.time, 1);
  EXPECT_EQ(deviation.dimension, 1);
}

TEST(CompareWithGoldenTest, ANumberThatIsNotFiniteDeviatesInfinitely) {
  std::vector<float> trajectory = SomeGolden().trajectory;
  trajectory[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isinf(CompareWithGolden(SomeGolden(), SomeSpec(), trajectory).worst));
}

TEST(GoldenTensorsTest, ModelsWithoutControlsKeepTheirHorizon) {
  ASSERT_OK_AND_ASSIGN(const GoldenSet golden,
                       GoldenFromTensors(GoldenToTensors(SomeGolden(), SomeSpec()), SomeSpec()));
  EXPECT_EQ(golden.horizon, 2);
  EXPECT_EQ(golden.lanes, 2);
  EXPECT_EQ(golden.trajectory, SomeGolden().trajectory);
}

}  // namespace
}  // namespace rollout
