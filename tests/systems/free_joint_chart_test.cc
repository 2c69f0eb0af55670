#include "systems/free_joint_chart.h"

#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "systems/system.h"

namespace rollout {
namespace {

std::vector<double> RandomChartState(const FreeJointChart& chart, Random& random) {
  std::vector<double> state(2 * chart.num_positions());
  for (double& value : state) value = random.Uniform(-2.0, 2.0);
  state[3] = random.Uniform(-30.0, 30.0);  // several turns
  state[4] = random.Uniform(-1.4, 1.4);
  state[5] = random.Uniform(-3.0, 3.0);
  return state;
}

TEST(FreeJointChartTest, ThereAndBackIsExact) {
  const FreeJointChart chart(8);
  Random random(1);
  std::vector<double> raw(chart.raw_size()), back(2 * chart.num_positions()),
      again(chart.raw_size());
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> state = RandomChartState(chart, random);
    chart.FromChart(state, absl::MakeSpan(raw));
    chart.ToChart(raw, state, absl::MakeSpan(back));
    for (size_t d = 0; d < state.size(); ++d) ASSERT_NEAR(back[d], state[d], 1e-9) << d;
    chart.FromChart(back, absl::MakeSpan(again));
    for (size_t d = 0; d < raw.size(); ++d) ASSERT_NEAR(again[d], raw[d], 1e-9) << d;
  }
}

TEST(FreeJointChartTest, NearSingularWithinFiveDegreesOfNinety) {
  const FreeJointChart chart(0);
  std::vector<double> state(12, 0.0);
  const double degree = std::numbers::pi / 180.0;
  for (const double pitch : {85.1, 90.0, 94.9, -85.1}) {
    state[4] = pitch * degree;
    EXPECT_TRUE(chart.NearSingular(state)) << pitch;
  }
  for (const double pitch : {0.0, 84.9, -84.9}) {
    state[4] = pitch * degree;
    EXPECT_FALSE(chart.NearSingular(state)) << pitch;
  }
}

// What the raw state does not have: dq/dt = v. MuJoCo itself moves the body; the torque-free
// tumbling of Ant and Humanoid in the air turns all three angles.
class FreeJointSystemTest : public testing::TestWithParam<std::string> {};

TEST_P(FreeJointSystemTest, DifferencesOfPositionsAgreeWithMeanVelocities) {
  const std::unique_ptr<System> system = *MakeSystem(GetParam());
  const SystemInfo& info = system->info();
  const FreeJointChart chart(info.num_velocities - 6);
  ASSERT_EQ(chart.raw_size(), info.num_positions + info.num_velocities);
  const int n = chart.num_positions();
  std::vector<double> raw(chart.raw_size()), before(2 * n), after(2 * n),
      action(info.num_controls, 0.0);
  double products = 0.0, squares = 0.0, residual = 0.0;
  int compared = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    system->Reset(seed);
    system->GetState(absl::MakeSpan(raw));
    Random random(seed);
    raw[2] = 20.0;  // in the air
    for (int i = 0; i < 6; ++i) raw[info.num_positions + i] = random.Uniform(-1.5, 1.5);
    ASSERT_TRUE(system->ResetTo(raw).ok());
    chart.ToChart(raw, {}, absl::MakeSpan(before));
    for (int step = 0; step < 25; ++step) {
      system->Step(action);
      system->GetState(absl::MakeSpan(raw));
      chart.ToChart(raw, before, absl::MakeSpan(after));
      const bool compare = !chart.NearSingular(after) && !chart.NearSingular(before);
      for (int i = 0; compare && i < 6; ++i) {
        const double rate = (after[i] - before[i]) / info.dt;
        const double mean = 0.5 * (before[n + i] + after[n + i]);
        products += rate * mean;
        squares += mean * mean;
        residual += (rate - mean) * (rate - mean);
        EXPECT_LT(std::abs(after[i] - before[i]), 1.0) << i << " jumps";
      }
      compared += compare;
      before = after;
    }
  }
  EXPECT_GT(compared, 300);
  EXPECT_NEAR(products / squares, 1.0, 0.02);
  EXPECT_LT(std::sqrt(residual / squares), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Systems, FreeJointSystemTest, testing::Values("ant_v5", "humanoid_v5"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace rollout
