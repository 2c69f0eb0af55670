#include "systems/system.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<System> Make(const std::string& name) {
  absl::StatusOr<std::unique_ptr<System>> system = MakeSystem(name);
  EXPECT_TRUE(system.ok()) << system.status();
  return *std::move(system);
}

int StateSize(const System& system) {
  return system.info().num_positions + system.info().num_velocities;
}

// The states [steps + 1, nq + nv] of an episode from `seed` under random controls.
std::vector<double> RandomEpisode(System& system, uint64_t seed, int steps) {
  const SystemInfo& info = system.info();
  const int size = StateSize(system);
  std::vector<double> states((steps + 1) * size);
  std::vector<double> action(info.num_controls);
  Random random(DeriveSeed(seed, 1));
  system.Reset(seed);
  system.GetState(absl::MakeSpan(states).first(size));
  for (int step = 1; step <= steps; ++step) {
    for (int i = 0; i < info.num_controls; ++i) {
      action[i] = random.Uniform(info.control_low[i], info.control_high[i]);
    }
    system.Step(action);
    system.GetState(absl::MakeSpan(states).subspan(step * size, size));
  }
  return states;
}

class EverySystemTest : public testing::TestWithParam<std::string> {};

TEST_P(EverySystemTest, DescribesItself) {
  const std::unique_ptr<System> system = Make(GetParam());
  const SystemInfo& info = system->info();
  EXPECT_EQ(info.name, GetParam());
  EXPECT_EQ(info.state_names.size(), StateSize(*system));
  EXPECT_EQ(info.control_names.size(), info.num_controls);
  EXPECT_EQ(info.control_low.size(), info.num_controls);
  EXPECT_EQ(info.control_high.size(), info.num_controls);
  EXPECT_GT(info.observation_size, 0);
  EXPECT_GT(info.dt, 0.0);
}

TEST_P(EverySystemTest, SeedDecidesTheEpisodeWhateverRanBefore) {
  const std::unique_ptr<System> system = Make(GetParam());
  const std::vector<double> first = RandomEpisode(*system, 7, 20);
  const std::vector<double> other = RandomEpisode(*system, 8, 20);
  EXPECT_NE(first, other);
  EXPECT_EQ(RandomEpisode(*system, 7, 20), first);
  EXPECT_EQ(RandomEpisode(*system->NewInstance(), 7, 20), first);
  EXPECT_EQ(RandomEpisode(*Make(GetParam()), 7, 20), first);
}

TEST_P(EverySystemTest, InstancesOnTwoThreadsGiveTheEpisodesOfOne) {
  const std::unique_ptr<System> one = Make(GetParam());
  const std::unique_ptr<System> two = one->NewInstance();
  const std::vector<double> expected[2] = {RandomEpisode(*one, 1, 50), RandomEpisode(*one, 2, 50)};
  std::vector<double> found[2];
  std::thread first([&] { found[0] = RandomEpisode(*one, 1, 50); });
  std::thread second([&] { found[1] = RandomEpisode(*two, 2, 50); });
  first.join();
  second.join();
  EXPECT_EQ(found[0], expected[0]);
  EXPECT_EQ(found[1], expected[1]);
}

TEST_P(EverySystemTest, StartsWhereItIsTold) {
  const std::unique_ptr<System> system = Make(GetParam());
  const int size = StateSize(*system);
  const std::vector<double> episode = RandomEpisode(*system, 3, 10);
  const absl::Span<const double> last = absl::MakeConstSpan(episode).last(size);
  ASSERT_TRUE(system->ResetTo(last).ok());
  std::vector<double> state(size);
  system->GetState(absl::MakeSpan(state));
  EXPECT_THAT(state, testing::ElementsAreArray(last));
}

TEST_P(EverySystemTest, RefusesStatesOfAnotherSizeOrWithoutNumbers) {
  const std::unique_ptr<System> system = Make(GetParam());
  std::vector<double> state(StateSize(*system), 0.5);
  state.back() = std::numeric_limits<double>::quiet_NaN();
  const absl::Status not_finite = system->ResetTo(state);
  EXPECT_EQ(not_finite.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(not_finite.message()), HasSubstr(system->info().state_names.back()));
  state.pop_back();
  const absl::Status short_one = system->ResetTo(state);
  EXPECT_EQ(short_one.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(short_one.message()), HasSubstr(std::to_string(state.size())));
}

TEST_P(EverySystemTest, TruncatesAtTheTimeLimitAndNotBefore) {
  const std::unique_ptr<System> system = Make(GetParam());
  const std::vector<double> action(system->info().num_controls, 0.0);
  system->Reset(0);
  for (int step = 1; step < system->info().max_episode_steps; ++step) {
    ASSERT_FALSE(system->Step(action).truncated) << step;
  }
  EXPECT_TRUE(system->Step(action).truncated);
  system->Reset(0);
  EXPECT_FALSE(system->Step(action).truncated);
}

// Systems whose speeds change much within one dt: the cheetah's stiff joints (time constants of
// some 0.03 s in its 0.05 s), close encounters of three bodies a quarter of a second apart, and the
// rotor's Euler angles where they are near their singular orientation.
bool IsCoarse(const std::string& name) {
  return name == "half_cheetah_v5" || name == "three_body" || name == "rotor";
}

// dq/dt over the second half of the state: v, but the canonical oscillators have H = p^2 + ...
double PositionRate(const SystemInfo& info) { return info.state_names[1] == "p" ? 2.0 : 1.0; }

// Models take dq/dt for v. Where nq = nv, q(t + dt) - q(t) is dt times the mean of v before and
// after but for O(dt^2) and what contacts and limits do within a step, and there are no jumps.
TEST_P(EverySystemTest, DifferencesOfPositionsAgreeWithMeanVelocities) {
  const std::unique_ptr<System> system = Make(GetParam());
  const SystemInfo& info = system->info();
  if (info.num_positions != info.num_velocities) {
    EXPECT_THAT(GetParam(), testing::AnyOf("ant_v5", "humanoid_v5"));  // quaternions
    return;
  }
  const int n = info.num_positions;
  constexpr int kSteps = 40;
  double products = 0.0, squares = 0.0, residual = 0.0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<double> states = RandomEpisode(*system, seed, kSteps);
    for (int step = 0; step < kSteps; ++step) {
      const double* before = &states[step * 2 * n];
      const double* after = before + 2 * n;
      for (int i = 0; i < n; ++i) {
        const double rate = (after[i] - before[i]) / info.dt;
        const double mean = PositionRate(info) * 0.5 * (before[n + i] + after[n + i]);
        products += rate * mean;
        squares += mean * mean;
        residual += (rate - mean) * (rate - mean);
        EXPECT_LT(std::abs(after[i] - before[i]), 3.0) << info.state_names[i] << " jumps";
      }
    }
  }
  const bool coarse = IsCoarse(GetParam());
  EXPECT_NEAR(products / squares, 1.0, coarse ? 0.2 : 0.02);
  EXPECT_LT(std::sqrt(residual / squares), coarse ? 0.65 : 0.1);
}

INSTANTIATE_TEST_SUITE_P(AllTasks, EverySystemTest, testing::ValuesIn(SystemNames()),
                         [](const auto& info) { return info.param; });

TEST(MakeSystemTest, UnknownNameListsTheNamesThereAre) {
  const absl::Status status = MakeSystem("hopper_v9").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("hopper_v5"));
}

TEST(MakeSystemTest, MissingFileIsNamed) {
  const absl::Status status =
      MakeSystem("hopper_v5", {.assets_dir = testing::TempDir() + "/nowhere"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere/hopper.xml"));
}

TEST(MakeSystemTest, DamagedFileIsNamedWithItsReason) {
  const std::string folder = testing::TempDir() + "/damaged";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/hopper.xml") << "<mujoco><worldbody>";
  const absl::Status status = MakeSystem("hopper_v5", {.assets_dir = folder}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("hopper.xml does not load: XML"));
}

TEST(HopperTest, PositionsAreCarriedUnwrappedAndUnclipped) {
  const std::unique_ptr<System> system = Make("hopper_v5");
  std::vector<double> state = {100.0, 5.0, 50.0, -1.0, -1.0, 0.0, 30.0, 0.0, 20.0, 0.0, 0.0, 0.0};
  ASSERT_TRUE(system->ResetTo(state).ok());
  system->Step(std::vector<double>(3, 0.0));
  system->GetState(absl::MakeSpan(state));
  EXPECT_GT(state[0], 100.1);
  EXPECT_GT(state[2], 50.1);
  EXPECT_GT(state[6], 20.0);
  std::vector<double> observation(11);
  system->GetObservation(absl::MakeSpan(observation));
  EXPECT_EQ(observation[5], 10.0) << "Gymnasium's observation clips velocities";
}

}  // namespace
}  // namespace rollout
