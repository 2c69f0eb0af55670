#include "server/prediction_error/paired_error.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/prediction_error/prediction_error.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

// One position: scales 2 for it, 1 for its velocity.
TransitionModelSpec Spec() {
  SpecChoice choice;
  choice.num_positions = 1;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.state_scale = {2.0f, 1.0f};
  return spec;
}

WindowError Window(uint64_t id, float position_square, float velocity_square) {
  WindowError error;
  error.window_id = id;
  error.squared_difference = {position_square, velocity_square};
  error.squared = 0.5 * (position_square / 4 + velocity_square);
  return error;
}

WindowError Lost(uint64_t id) {
  WindowError error;
  error.window_id = id;
  error.finite = false;
  return error;
}

TEST(CompareOnSharedWindows, CountsWindowsThatBothPredictedUnderTheStableScale) {
  // Shared and finite: 1 and 2. Mean squares of the version (4 / 4 + 0) / 2 = 0.5 both times, of
  // the stable one (16 / 4 + 0) / 2 = 2: the RMSE halves, whichever scale the version itself has.
  const std::vector<RecentWindows> version = {
      {Window(1, 4, 0), Window(2, 4, 0), Window(7, 1000, 0), Lost(3), Lost(4)}};
  const std::vector<RecentWindows> stable = {
      {Window(2, 16, 0), Window(1, 16, 0), Window(3, 1, 1), Lost(4), Window(9, 1000, 0)}};
  const auto horizons = CompareOnSharedWindows(version, stable, Spec());
  ASSERT_EQ(horizons.size(), 1u);
  EXPECT_EQ(horizons[0].horizon, 1);
  EXPECT_EQ(horizons[0].windows, 2);
  EXPECT_EQ(horizons[0].diverged, 1) << "window 3: this version alone";
  EXPECT_NEAR(horizons[0].rmse, std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(horizons[0].with_rmse, std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(horizons[0].log_ratio, std::log(0.5), 1e-12);
  // The ratio is the same on every window: nothing is uncertain.
  EXPECT_NEAR(horizons[0].log_ratio_low, std::log(0.5), 1e-12);
  EXPECT_NEAR(horizons[0].log_ratio_high, std::log(0.5), 1e-12);
}

TEST(CompareOnSharedWindows, TheIntervalIsWideWhereWindowsDisagree) {
  RecentWindows version, stable;
  for (uint64_t id = 0; id < 100; ++id) {
    version.push_back(Window(id, id % 2 == 0 ? 8 : 0, 0));
    stable.push_back(Window(id, id % 2 == 0 ? 0 : 8, 0));
  }
  const auto horizons = CompareOnSharedWindows({version}, {stable}, Spec());
  ASSERT_EQ(horizons.size(), 1u);
  EXPECT_NEAR(horizons[0].log_ratio, 0.0, 1e-12);
  // Influences are +-2: 1.96 / 2 * sqrt(4 * 100 / 100^2) = 0.196.
  EXPECT_NEAR(horizons[0].log_ratio_high, 0.196, 1e-3);
  EXPECT_NEAR(horizons[0].log_ratio_low, -0.196, 1e-3);
}

TEST(CompareOnSharedWindows, SaysNothingWithoutSharedWindows) {
  EXPECT_TRUE(CompareOnSharedWindows({{Window(1, 1, 1)}}, {{Window(2, 1, 1)}}, Spec()).empty());
  EXPECT_TRUE(CompareOnSharedWindows({}, {}, Spec()).empty());
  // No error at all has no logarithm.
  const auto exact = CompareOnSharedWindows({{Window(1, 0, 0)}}, {{Window(1, 0, 0)}}, Spec());
  ASSERT_EQ(exact.size(), 1u);
  EXPECT_TRUE(std::isnan(exact[0].log_ratio));
}

TEST(DimensionErrors, AreNormalisedOneByOne) {
  HorizonErrors errors(8);
  errors.Add(Window(1, 16, 0));
  errors.Add(Window(2, 0, 9));
  errors.Add(Lost(3));
  const StateDifference difference(Spec());
  EXPECT_THAT(errors.DimensionErrors(difference),
              testing::ElementsAre(testing::DoubleNear(std::sqrt(16.0 / 2) / 2, 1e-12),
                                   testing::DoubleNear(std::sqrt(9.0 / 2), 1e-12)));
  // Together they are the error over all dimensions.
  const auto by_dimension = errors.DimensionErrors(difference);
  EXPECT_NEAR(std::hypot(by_dimension[0], by_dimension[1]) / std::sqrt(2.0), errors.recent().rmse,
              1e-12);

  TransitionModelSpec still = Spec();
  still.data_low = {-1.0f, 0.5f};
  still.data_high = {1.0f, 0.5f};
  EXPECT_TRUE(std::isnan(errors.DimensionErrors(StateDifference(still))[1]));
}

TEST(RestAfter, KeepsTheShare) {
  EXPECT_EQ(RestAfter(absl::Seconds(1), 1.0), absl::ZeroDuration());
  EXPECT_EQ(RestAfter(absl::Seconds(1), 0.25), absl::Seconds(3));
  EXPECT_EQ(RestAfter(absl::Seconds(2), 0.5), absl::Seconds(2));
}

}  // namespace
}  // namespace rollout
