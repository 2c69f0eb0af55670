#include "trainer/fitting/charted_episodes.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "systems/free_joint_chart.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {
namespace {

constexpr int kJoints = 2;

DatasetInfo Recorded() {
  DatasetInfo info;
  info.id = "rollout/turning-v0";
  info.num_positions = 7 + kJoints;
  info.num_velocities = 6 + kJoints;
  info.num_controls = 1;
  info.dt = 0.1;
  return info;
}

// An episode whose pitch follows `pitches` and whose yaw turns by 1 rad a step; controls count.
Episode Turning(const std::vector<double>& pitches) {
  const FreeJointChart chart(kJoints);
  Episode episode;
  episode.id = 3;
  const int64_t steps = static_cast<int64_t>(pitches.size()) - 1;
  for (int64_t t = 0; t <= steps; ++t) {
    std::vector<double> state(2 * chart.num_positions(), 0.0);
    state[3] = static_cast<double>(t);
    state[4] = pitches[t];
    state[6] = 10.0 + static_cast<double>(t);
    std::vector<double> raw(chart.raw_size());
    chart.FromChart(state, absl::MakeSpan(raw));
    episode.states.insert(episode.states.end(), raw.begin(), raw.end());
    if (t == steps) continue;
    episode.actions.push_back(static_cast<double>(t));
    episode.rewards.push_back(100.0 + static_cast<double>(t));
    episode.terminations.push_back(0);
    episode.truncations.push_back(t + 1 == steps);
  }
  return episode;
}

TEST(ChartedEpisodesTest, InfoHasAsManyPositionsAsVelocities) {
  const DatasetInfo info = ChartedInfo(Recorded());
  EXPECT_EQ(info.num_positions, 8);
  EXPECT_EQ(info.num_velocities, 8);
  EXPECT_THAT(info.angular_positions, testing::ElementsAre(3));
  EXPECT_THAT(info.ignored_positions, testing::ElementsAre(0, 1));
  EXPECT_EQ(info.state_names.size(), 16u);
  EXPECT_EQ(info.state_names[7], "joint_1");
  EXPECT_EQ(info.state_names[11], "dyaw");
}

TEST(ChartedEpisodesTest, YawGoesOnPastPi) {
  const ChartedEpisode charted = ChartEpisode(Recorded(), Turning(std::vector<double>(9, 0.2)));
  ASSERT_EQ(charted.stretches.size(), 1u);
  EXPECT_EQ(charted.left_out_transitions, 0);
  const Episode& stretch = charted.stretches[0];
  EXPECT_EQ(stretch.num_steps(), 8);
  for (int t = 0; t <= 8; ++t) EXPECT_NEAR(stretch.states[t * 16 + 3], t, 1e-12);
  EXPECT_EQ(stretch.truncations.back(), 1);
}

TEST(ChartedEpisodesTest, IsCutWhereTheChartIsSingular) {
  const double upright = std::numbers::pi / 2;
  // A transition is kept where both of its states are.
  const Episode episode = Turning({0.0, 0.3, upright, 0.1, upright, upright, 0.2, 0.3, 0.4});
  const ChartedEpisode charted = ChartEpisode(Recorded(), episode);
  ASSERT_EQ(charted.stretches.size(), 2u);
  EXPECT_EQ(charted.left_out_transitions, 5);
  EXPECT_THAT(charted.stretches[0].actions, testing::ElementsAre(0.0));
  EXPECT_THAT(charted.stretches[1].actions, testing::ElementsAre(6.0, 7.0));
  EXPECT_THAT(charted.stretches[1].rewards, testing::ElementsAre(106.0, 107.0));
  EXPECT_EQ(charted.stretches[1].id, 3);
  ASSERT_EQ(charted.stretches[1].states.size(), 3u * 16u);
  EXPECT_NEAR(charted.stretches[1].states[6], 16.0, 1e-12);
}

// A fast body: neither state is near the singular pitch, and yaw and roll turn by half a turn.
TEST(ChartedEpisodesTest, IsCutWhereABodyStepsOverTheSingularPitch) {
  const double upright = std::numbers::pi / 2;
  const Episode episode = Turning({1.2, upright - 0.15, upright + 0.15, upright + 0.4});
  const ChartedEpisode charted = ChartEpisode(Recorded(), episode);
  ASSERT_EQ(charted.stretches.size(), 2u);
  EXPECT_EQ(charted.left_out_transitions, 1);
  EXPECT_THAT(charted.stretches[0].actions, testing::ElementsAre(0.0));
  EXPECT_THAT(charted.stretches[1].actions, testing::ElementsAre(2.0));
}

TEST(ChartedEpisodesTest, FitDataIsInTheChart) {
  FitData data;
  SetDatasetInfo(Recorded(), &data);
  EXPECT_EQ(data.info.num_positions, data.info.num_velocities);
  AddEpisode(Turning({0.0, 0.3, std::numbers::pi / 2, 0.1, 0.2}), "rollout/turning-v0", 0.0, &data);
  ASSERT_EQ(data.training.size(), 2u);
  EXPECT_EQ(data.training_transitions, 2);
  EXPECT_EQ(data.left_out_transitions, 2);
  EXPECT_EQ(data.training[0].states.size(), 2u * 16u);
}

}  // namespace
}  // namespace rollout
