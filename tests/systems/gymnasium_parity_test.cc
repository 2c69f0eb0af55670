// Every task gives the states, rewards, ends and observations of Gymnasium 1.4 on MuJoCo 3.17.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/rewards/reward.h"
#include "systems/system.h"
#include "tests/systems/golden_episode.h"

namespace rollout {
namespace {

constexpr double kTolerance = 1e-10;

class GymnasiumParityTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<System>> system = MakeSystem(GetParam());
    ASSERT_TRUE(system.ok()) << system.status();
    system_ = *std::move(system);
    golden_ = ReadGoldenFile(GetParam());
    ASSERT_EQ(golden_.state_size, system_->info().num_positions + system_->info().num_velocities);
    ASSERT_EQ(golden_.num_controls, system_->info().num_controls);
    ASSERT_EQ(golden_.observation_size, system_->info().observation_size);
    ASSERT_FALSE(golden_.episodes.empty());
  }

  absl::Span<const double> State(const GoldenEpisode& episode, int step) const {
    return absl::MakeConstSpan(episode.states)
        .subspan(step * golden_.state_size, golden_.state_size);
  }
  absl::Span<const double> Action(const GoldenEpisode& episode, int step) const {
    return absl::MakeConstSpan(episode.actions)
        .subspan(step * golden_.num_controls, golden_.num_controls);
  }

  void ExpectObservation(const GoldenEpisode& episode, int step) {
    if (step % episode.observation_stride != 0) return;
    std::vector<double> observation(golden_.observation_size);
    system_->GetObservation(absl::MakeSpan(observation));
    const double* expected =
        &episode.observations[step / episode.observation_stride * golden_.observation_size];
    for (int i = 0; i < golden_.observation_size; ++i) {
      // Forces reach thousands of newtons: there the tolerance is relative.
      ASSERT_NEAR(observation[i], expected[i], kTolerance * std::max(1.0, std::abs(expected[i])))
          << "observation " << i << " at step " << step;
    }
  }

  std::unique_ptr<System> system_;
  GoldenFile golden_;
};

TEST_P(GymnasiumParityTest, ReplayGivesTheSameEpisode) {
  for (const GoldenEpisode& episode : golden_.episodes) {
    ASSERT_TRUE(system_->ResetTo(State(episode, 0)).ok());
    ExpectObservation(episode, 0);
    std::vector<double> state(golden_.state_size);
    for (int step = 0; step < episode.steps; ++step) {
      const StepResult result = system_->Step(Action(episode, step));
      system_->GetState(absl::MakeSpan(state));
      for (int i = 0; i < golden_.state_size; ++i) {
        ASSERT_NEAR(state[i], State(episode, step + 1)[i], kTolerance)
            << system_->info().state_names[i] << " after step " << step;
      }
      ASSERT_NEAR(result.reward, episode.rewards[step], kTolerance) << "step " << step;
      ASSERT_EQ(result.terminated, episode.terminated[step] != 0) << "step " << step;
      ASSERT_EQ(result.truncated, episode.truncated[step] != 0) << "step " << step;
      ExpectObservation(episode, step + 1);
    }
  }
}

// The golden files would prove little if no episode in them ended or no action left its bounds.
TEST_P(GymnasiumParityTest, GoldenEpisodesLeaveTheBoundsAndEndWhereTheTaskCanEnd) {
  bool beyond = false;
  bool ended = false;
  for (const GoldenEpisode& episode : golden_.episodes) {
    for (int step = 0; step < episode.steps; ++step) {
      for (int i = 0; i < golden_.num_controls; ++i) {
        const double control = Action(episode, step)[i];
        beyond |=
            control > system_->info().control_high[i] || control < system_->info().control_low[i];
      }
      ended |= episode.terminated[step] != 0 || episode.truncated[step] != 0;
    }
  }
  EXPECT_TRUE(beyond);
  const bool endless = GetParam() == "half_cheetah_v5" || GetParam() == "swimmer_v5";
  EXPECT_EQ(ended, !endless);
}

// The named functions see z' where Gymnasium sees MuJoCo's last evaluation of the kinematics: exact
// but for the two tasks whose reward is a point in space.
TEST_P(GymnasiumParityTest, NamedRewardAndTerminationAgreeWithTheEnvironment) {
  const SystemInfo& info = system_->info();
  if (info.reward.empty()) {
    EXPECT_THAT(GetParam(), testing::AnyOf("ant_v5", "humanoid_v5"));
    return;
  }
  const auto reward = FindReward(info.reward, info.num_positions, info.num_controls);
  ASSERT_TRUE(reward.ok()) << reward.status();
  const bool approximate =
      GetParam() == "reacher_v5" || GetParam() == "inverted_double_pendulum_v5";
  for (const GoldenEpisode& episode : golden_.episodes) {
    for (int step = 0; step < episode.steps; ++step) {
      const TransitionView transition{.state = State(episode, step),
                                      .control = Action(episode, step),
                                      .next_state = State(episode, step + 1),
                                      .dt = info.dt};
      EXPECT_NEAR((*reward)(transition), episode.rewards[step], approximate ? 5e-3 : kTolerance)
          << "step " << step;
      if (info.termination.empty()) continue;
      const auto termination =
          FindTermination(info.termination, info.num_positions, info.num_controls);
      ASSERT_TRUE(termination.ok()) << termination.status();
      EXPECT_EQ((*termination)(transition), episode.terminated[step] != 0) << "step " << step;
    }
  }
}

// The papers' mechanical systems have no counterpart there.
std::vector<std::string> GymnasiumTasks() {
  std::vector<std::string> names = SystemNames();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with("_v5"); });
  return names;
}

INSTANTIATE_TEST_SUITE_P(AllTasks, GymnasiumParityTest, testing::ValuesIn(GymnasiumTasks()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace rollout
