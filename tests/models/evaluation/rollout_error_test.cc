#include "models/evaluation/rollout_error.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/evaluation/predictor.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;

// One position and one velocity; state t is (0.1 t, 1), so that constant velocity with dt = 0.1 is
// right and "no change" is wrong by 0.1 t in the position alone.
ObservedEpisode Gliding(int64_t steps) {
  ObservedEpisode episode;
  episode.num_steps = steps;
  for (int64_t t = 0; t <= steps; ++t) {
    episode.states.push_back(0.1 * static_cast<double>(t));
    episode.states.push_back(1.0);
  }
  episode.controls.assign(steps, 0.5);
  return episode;
}

WindowSet Set(std::vector<ObservedEpisode> episodes, int64_t length, int64_t stride) {
  WindowSet set;
  set.state_size = 2;
  set.num_controls = 1;
  set.windows = PlaceWindows(episodes, length, stride);
  set.episodes = std::move(episodes);
  return set;
}

// Adds `error` to the position of "no change" from `from` on; NaN turns the lane non-finite.
class Wrong : public NoChange {
 public:
  Wrong(float error, int64_t from) : NoChange(2), error_(error), from_(from) {}
  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial,
                       absl::Span<const float> controls, absl::Span<float> out) override {
    const absl::Status status = NoChange::Predict(lanes, horizon, initial, controls, out);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t t = from_; t <= horizon; ++t) out[(lane * (horizon + 1) + t) * 2] += error_;
    }
    return status;
  }

 private:
  float error_;
  int64_t from_;
};

TEST(PlaceWindows, NeverCrossAnEpisodesEnd) {
  const std::vector<ObservedEpisode> episodes = {Gliding(5), Gliding(0), Gliding(2)};
  std::vector<std::string> placed;
  for (const RolloutWindow& window : PlaceWindows(episodes, 4, 3)) {
    placed.push_back(std::to_string(window.episode) + ":" + std::to_string(window.start) + "+" +
                     std::to_string(window.length));
  }
  EXPECT_THAT(placed, ElementsAre("0:0+4", "0:3+2", "2:0+2"));
}

TEST(RolloutError, NormalisesEachDimensionAndAveragesOverWindowsAndDimensions) {
  const WindowSet set = Set({Gliding(8)}, 8, 8);
  ErrorScale scale;
  scale.state_scale = {0.5, 7.0};
  NoChange no_change(2);
  const WindowErrors errors = *MeasureErrors(no_change, set, scale);
  const std::vector<HorizonError> table = SummariseErrors(errors, {1, 4, 8});
  // Position wrong by 0.1 h: ((0.1 h / 0.5)^2 + 0) / 2.
  EXPECT_NEAR(table[1].rmse, std::sqrt(0.8 * 0.8 / 2), 1e-6);
  EXPECT_NEAR(table[1].dimension_rmse[0], 0.8, 1e-6);
  EXPECT_NEAR(table[1].dimension_rmse[1], 0.0, 1e-6);
  EXPECT_EQ(table[2].windows, 1);
  ConstantVelocity right(2, 0.1);
  const WindowErrors none = *MeasureErrors(right, set, scale);
  EXPECT_NEAR(SummariseErrors(none, {8})[0].rmse, 0.0, 1e-6);
  EXPECT_EQ(UsefulHorizon(none, errors, 20), 8);
  EXPECT_EQ(UsefulHorizon(errors, errors, 20), 0);
}

TEST(RolloutError, CountsOnlyWindowsThatReachTheHorizonInAnyBatch) {
  const WindowSet set = Set({Gliding(8), Gliding(3)}, 8, 8);
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  NoChange no_change(2);
  for (const int64_t batch : {1, 2, 256}) {
    const auto table =
        SummariseErrors(*MeasureErrors(no_change, set, scale, batch), {1, 3, 4, 8, 9});
    EXPECT_EQ(table[1].windows, 2);
    EXPECT_EQ(table[2].windows, 1);
    EXPECT_EQ(table[4].windows, 0);
    EXPECT_TRUE(std::isnan(table[4].rmse));
  }
}

TEST(RolloutError, NonFiniteWindowsAreCountedApartAndNeverAveragedIn) {
  const WindowSet set = Set({Gliding(8)}, 4, 4);
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  Wrong diverging(std::numeric_limits<float>::quiet_NaN(), 3);
  const auto table = SummariseErrors(*MeasureErrors(diverging, set, scale), {2, 4});
  EXPECT_EQ(table[0].windows, 2);
  EXPECT_EQ(table[0].non_finite, 0);
  EXPECT_EQ(table[1].windows, 0);
  EXPECT_EQ(table[1].non_finite, 2);
}

TEST(RolloutError, AnglesDifferModuloAFullTurnAndConstantDimensionsAreLeftOut) {
  WindowSet set = Set({Gliding(2)}, 2, 2);
  for (size_t i = 0; i < set.episodes[0].states.size(); i += 2) set.episodes[0].states[i] = 3.1;
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  scale.angular_positions = {0};
  Wrong turned(static_cast<float>(2 * std::numbers::pi), 1);
  EXPECT_NEAR(SummariseErrors(*MeasureErrors(turned, set, scale), {2})[0].rmse, 0.0, 1e-5);
  scale.angular_positions = {};
  scale.constant = {0, 1};
  const auto table = SummariseErrors(*MeasureErrors(turned, set, scale), {2});
  EXPECT_NEAR(table[0].rmse, 2 * std::numbers::pi, 1e-5);  // over one dimension, not two
  EXPECT_TRUE(std::isnan(table[0].dimension_rmse[1]));
}

TEST(RolloutError, MedianIsOverWindows) {
  const WindowSet set = Set({Gliding(1), Gliding(1), Gliding(1)}, 1, 1);
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  NoChange no_change(2);
  WindowErrors errors = *MeasureErrors(no_change, set, scale);
  errors.windows[0].mean_square[1] = 1e6;
  errors.windows[1].mean_square[1] = 4.0;
  errors.windows[2].mean_square[1] = 1.0;
  EXPECT_DOUBLE_EQ(SummariseErrors(errors, {1})[0].median, 2.0);
}

TEST(RolloutError, PaperErrorIsOverTwoHundredStepsFromTheFirstStateOn) {
  const WindowSet set = Set({Gliding(200), Gliding(199)}, 200, 200);
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  scale.training_std = {0.5, 1.0};
  Wrong constant_error(0.0f, 1);
  const PaperError paper = SummarisePaperError(*MeasureErrors(constant_error, set, scale));
  EXPECT_EQ(paper.windows, 1);
  double expected = 0.0;
  for (int t = 0; t < 200; ++t) expected += 0.5 * std::pow(0.1 * t / 0.5, 2) / 200;
  EXPECT_NEAR(paper.mean, expected, 1e-4 * expected);
  EXPECT_NEAR(paper.median_over_windows, expected, 1e-4 * expected);
  const double lower = 0.5 * std::pow(0.1 * 99 / 0.5, 2), upper = 0.5 * std::pow(20 / 0.5 / 2, 2);
  EXPECT_GT(paper.median_over_steps, lower);
  EXPECT_LT(paper.median_over_steps, upper);
}

TEST(RolloutError, ScaleOfTheWrongSizeIsRefused) {
  const WindowSet set = Set({Gliding(2)}, 2, 2);
  ErrorScale scale;
  scale.state_scale = {1.0};
  NoChange no_change(2);
  const auto errors = MeasureErrors(no_change, set, scale);
  EXPECT_EQ(errors.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(errors.status().message()), ::testing::HasSubstr("state_scale has 1"));
}

TEST(DoublingHorizons, EndWithTheLongest) {
  EXPECT_THAT(DoublingHorizons(200), ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 200));
  EXPECT_THAT(DoublingHorizons(64), ElementsAre(1, 2, 4, 8, 16, 32, 64));
}

}  // namespace
}  // namespace rollout
