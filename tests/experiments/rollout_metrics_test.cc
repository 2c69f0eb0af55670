// The papers' metrics and their corrected variants, on a rod whose numbers are worked out by hand.
#include "experiments/gruver/rollout_metrics.h"

#include <cmath>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace rollout {
namespace {

// One true rollout of `states` [T + 1, 2].
std::vector<ObservedEpisode> Truth(const std::vector<double>& states) {
  ObservedEpisode episode;
  episode.states = states;
  episode.num_steps = static_cast<int64_t>(states.size()) / 2 - 1;
  return {episode};
}

double Relative(double a, double b) { return std::abs(a - b) / (std::abs(a) + std::abs(b)); }

TEST(RolloutMetricsTest, EnergyHasMomentaAndAsCodedVelocities) {
  const auto rod = MakeEquationsOfMotion("chain_pendulum_1");
  // The papers' first mass and length; hanging down, so that the potential is -m g l.
  const double m = 1.0390513, l = 1.1721513, g = 9.81;
  const RolloutMetrics metrics = MeasureRollouts(*rod, Truth({0, 1, 0, 1}), {0, 1, 0, 2});
  const double fast = 2.0 * l, slow = 1.0 * l;  // metres a second
  const double error = Relative(m * fast * fast / 2 - m * g * l, m * slow * slow / 2 - m * g * l);
  const double as_coded =
      Relative(fast * fast / (2 * m) - m * g * l, slow * slow / (2 * m) - m * g * l);
  EXPECT_NEAR(metrics.energy_error / error, 1.0, 1e-5);
  ASSERT_TRUE(metrics.energy_error_as_coded.has_value());
  EXPECT_NEAR(*metrics.energy_error_as_coded / std::sqrt(as_coded * 1e-7), 1.0, 1e-5);
  // RMS of (0, 1) beside those of (0, 2) and (0, 1).
  EXPECT_NEAR(metrics.rollout_error, 1.0 / 3.0, 1e-6);
  EXPECT_NEAR(metrics.rollout_error_as_coded / std::sqrt(1e-7 / 3.0), 1.0, 1e-5);
}

TEST(RolloutMetricsTest, SystemsWithoutPointMassesHaveNoEnergyAsCoded) {
  const auto magnet = MakeEquationsOfMotion("magnet_pendulum");
  const std::vector<double> states = {3, 1.5, 0, 0, 3, 1.5, 0, 0};
  std::vector<ObservedEpisode> truth = Truth(states);
  truth[0].num_steps = 1;
  const std::vector<float> predicted(states.begin(), states.end());
  EXPECT_FALSE(MeasureRollouts(*magnet, truth, predicted).energy_error_as_coded.has_value());
}

// The masses of a spring pendulum: with all of them one, both energies would be the same.
TEST(RolloutMetricsTest, SpringsHaveBothEnergies) {
  const auto springs = MakeEquationsOfMotion("spring_pendulum_2");
  std::vector<double> still(12, 0.5), moving = still;
  for (int i = 6; i < 12; ++i) {
    still[i] = 0.0;
    moving[i] = 1.0;
  }
  const double kinetic = springs->Energy(moving) - springs->Energy(still);
  const double as_coded = *springs->EnergyWithVelocityAsMomentum(moving) -
                          *springs->EnergyWithVelocityAsMomentum(still);
  EXPECT_NEAR(*springs->EnergyWithVelocityAsMomentum(still), springs->Energy(still), 1e-12);
  // Three numbers a mass: 3/2 (m1 + m2) and 3/2 (1/m1 + 1/m2), with the papers' masses.
  EXPECT_NEAR(kinetic, 1.5 * (1.1721513 + 1.0390513), 1e-6);
  EXPECT_NEAR(as_coded, 1.5 * (1 / 1.1721513 + 1 / 1.0390513), 1e-6);
}

}  // namespace
}  // namespace rollout
