#include "server/prediction_error/window_error.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

// Two positions, the second angular; scale 1, 1, 2, 4.
TransitionModelSpec SmallSpec() {
  SpecChoice choice;
  choice.num_positions = 2;
  choice.num_controls = 0;
  choice.angular_positions = {1};
  TransitionModelSpec spec = MakeSpec(choice);
  spec.state_scale = {1, 1, 2, 4};
  return spec;
}

TEST(StateDifferenceTest, IsTheMeanOfSquaresOnTheModelsScale) {
  const StateDifference difference(SmallSpec());
  EXPECT_DOUBLE_EQ(difference.MeanSquare({{1.0, 0, 0, 0}}, {{0.0, 0, 2, 8}}), (1 + 1 + 4) / 4.0);
}

TEST(StateDifferenceTest, AnglesDifferModuloAFullTurn) {
  const StateDifference difference(SmallSpec());
  const double turn = 2 * std::numbers::pi;
  EXPECT_NEAR(difference.MeanSquare({{0.0, 3 * turn + 0.2, 0, 0}}, {{0.0, 0.0, 0, 0}}), 0.01,
              1e-12);
  EXPECT_NEAR(difference.MeanSquare({{0.0, 3.1, 0, 0}}, {{0.0, -3.1, 0, 0}}),
              std::pow(turn - 6.2, 2) / 4, 1e-12);
  EXPECT_NEAR(difference.MeanSquare({{turn, 0, 0, 0}}, {{0.0, 0, 0, 0}}), turn * turn / 4, 1e-12);
}

TEST(StateDifferenceTest, ConstantDimensionsAreLeftOut) {
  TransitionModelSpec spec = SmallSpec();
  spec.data_low = {-1, -1, 5, -1};
  spec.data_high = {1, 1, 5, 1};
  ASSERT_OK(ValidateSpec(spec));
  const StateDifference difference(spec);
  EXPECT_DOUBLE_EQ(difference.MeanSquare({{3.0, 0, 100, 0}}, {{0.0, 0, 5, 0}}), 3.0);
}

// One window from start (0, 0, 0, 0) with horizons 1 and 2.
PredictionWindow SmallWindow() {
  PredictionWindow window;
  window.first = 0;
  window.last = 1;
  window.initial_state = {0, 0, 0, 0};
  window.start = {0, 0, 0, 0};
  window.observed = {2, 0, 0, 0, 4, 0, 0, 0};
  return window;
}

TEST(CompareWindowTest, LooksAtEachHorizonsOwnStep) {
  const std::vector<float> trajectory = {0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0};
  const auto errors = CompareWindow(SmallWindow(), trajectory, StateDifference(SmallSpec()));
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_DOUBLE_EQ(errors[0].squared, 0.25);
  EXPECT_DOUBLE_EQ(errors[0].baseline_squared, 1.0);
  EXPECT_DOUBLE_EQ(errors[1].squared, 0.0);
  EXPECT_DOUBLE_EQ(errors[1].baseline_squared, 4.0);
}

TEST(CompareWindowTest, ARolloutThatDivergesCountsUpToThere) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> trajectory = {0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, infinity};
  auto errors = CompareWindow(SmallWindow(), trajectory, StateDifference(SmallSpec()));
  EXPECT_TRUE(errors[0].finite);
  EXPECT_FALSE(errors[1].finite);
  trajectory = {0, 0, 0, 0, infinity, 0, 0, 0, 4, 0, 0, 0};  // back again, but lost on the way
  errors = CompareWindow(SmallWindow(), trajectory, StateDifference(SmallSpec()));
  EXPECT_FALSE(errors[0].finite);
  EXPECT_FALSE(errors[1].finite);
}

TEST(HorizonErrorsTest, TotalsGrowAndTheRecentWindowsMoveOn) {
  HorizonErrors errors(/*recent_windows=*/3);
  EXPECT_TRUE(std::isnan(errors.recent().rmse));
  EXPECT_TRUE(std::isnan(errors.recent().skill));
  errors.Add({0, true, 100.0, 100.0, {}, 0});
  errors.Add({0, false, 0.0, 0.0, {}, 0});
  errors.Add({0, true, 1.0, 10.0, {}, 0});
  EXPECT_DOUBLE_EQ(errors.recent().diverged_ratio, 1.0 / 3);
  errors.Add({0, true, 7.0, 10.0, {}, 0});  // the first goes
  EXPECT_EQ(errors.totals().finite_windows, 3);
  EXPECT_EQ(errors.totals().non_finite_windows, 1);
  EXPECT_DOUBLE_EQ(errors.totals().squared_error, 108.0);
  EXPECT_DOUBLE_EQ(errors.totals().baseline_squared_error, 120.0);
  EXPECT_EQ(errors.recent().windows, 3);
  EXPECT_DOUBLE_EQ(errors.recent().rmse, 2.0);
  EXPECT_DOUBLE_EQ(errors.recent().skill, 1 - 8.0 / 20.0);
  errors.Add({0, true, 1.0, 0.0, {}, 0});  // the diverged one goes
  EXPECT_DOUBLE_EQ(errors.recent().diverged_ratio, 0.0);
  EXPECT_DOUBLE_EQ(errors.recent().rmse, std::sqrt(3.0));
}

TEST(HorizonErrorsTest, ARobotThatStandsStillHasNoSkillToShow) {
  HorizonErrors errors(3);
  errors.Add({0, true, 0.0, 0.0, {}, 0});
  EXPECT_DOUBLE_EQ(errors.recent().rmse, 0.0);
  EXPECT_TRUE(std::isnan(errors.recent().skill));
}

}  // namespace
}  // namespace rollout
