#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/system.h"

namespace rollout {
namespace {

std::vector<double> FirstState(const EquationsOfMotion& mechanics, uint64_t seed) {
  std::vector<double> state(2 * mechanics.info().num_positions);
  Random random(seed);
  mechanics.DrawState(random, absl::MakeSpan(state));
  return state;
}

// d/dt [q, v] by the equations of motion, in whatever variables they are solved: there, a short
// time on and back, and back again.
std::vector<double> StateAfter(const EquationsOfMotion& mechanics, const std::vector<double>& state,
                               const std::vector<double>& control, double seconds) {
  DormandPrince solver(mechanics.num_variables(), {.rtol = 1e-12, .atol = 1e-14});
  std::vector<double> variables(mechanics.num_variables());
  mechanics.Unchart(state, absl::MakeSpan(variables));
  solver.Advance(
      [&](absl::Span<const double> x, absl::Span<double> derivative) {
        mechanics.Derivative(x, control, derivative);
      },
      seconds, absl::MakeSpan(variables));
  std::vector<double> after = state;
  mechanics.Chart(variables, absl::MakeSpan(after));
  return after;
}

class EveryMechanicsTest : public testing::TestWithParam<std::string> {
 protected:
  const std::unique_ptr<const EquationsOfMotion> mechanics_ = MakeEquationsOfMotion(GetParam());
  const SystemInfo& info_ = mechanics_->info();
  const std::vector<double> rest_ = std::vector<double>(info_.num_controls, 0.0);
};

// The energy comes from Cartesian positions and velocities, the equations of motion from
// generalised coordinates: one tests the other.
TEST_P(EveryMechanicsTest, KeepsItsEnergyOrLosesWhatDragTakes) {
  for (uint64_t seed = 0; seed < 3; ++seed) {
    std::vector<double> state = FirstState(*mechanics_, seed);
    const double first = mechanics_->Energy(state);
    // Simpson's rule over the power at the ends and the middle of short spans.
    const double span = 2e-3;
    double given = 0.0;
    double largest = std::abs(first);
    for (int i = 0; i < 500; ++i) {
      const std::vector<double> middle = StateAfter(*mechanics_, state, rest_, span / 2);
      const std::vector<double> end = StateAfter(*mechanics_, state, rest_, span);
      given += span / 6 *
               (mechanics_->Power(state, rest_) + 4 * mechanics_->Power(middle, rest_) +
                mechanics_->Power(end, rest_));
      state = end;
      largest = std::max(largest, std::abs(mechanics_->Energy(state)));
    }
    EXPECT_NEAR(mechanics_->Energy(state), first + given, 1e-7 * std::max(1.0, largest)) << seed;
    if (GetParam().find("friction") != std::string::npos) {
      EXPECT_LT(given, 0.0);
    }
  }
}

TEST_P(EveryMechanicsTest, ControlsChangeTheEnergyByTheirPower) {
  if (info_.num_controls == 0) {
    EXPECT_EQ(mechanics_->Power(FirstState(*mechanics_, 1), {}) > 0.0, false);
    return;
  }
  const std::vector<double> push = {0.7};
  const std::vector<double> state = FirstState(*mechanics_, 5);
  const double step = 1e-4;
  const double rate = (mechanics_->Energy(StateAfter(*mechanics_, state, push, step)) -
                       mechanics_->Energy(StateAfter(*mechanics_, state, push, -step))) /
                      (2 * step);
  EXPECT_NEAR(rate, mechanics_->Power(state, push), 1e-4 * std::abs(rate));
  EXPECT_NE(rate, 0.0);
}

// What a transition model assumes: dq/dt = v (for the canonical oscillators dq/dt = 2 p), and no
// jump of an angle.
TEST_P(EveryMechanicsTest, PositionsFollowVelocities) {
  const double rate = info_.state_names[1] == "p" ? 2.0 : 1.0;
  const int n = info_.num_positions;
  std::vector<double> state = FirstState(*mechanics_, 3);
  const double step = 1e-3;
  for (int i = 0; i < 2000; ++i) {
    const std::vector<double> next = StateAfter(*mechanics_, state, rest_, step);
    for (int d = 0; d < n; ++d) {
      const double mean = rate * (state[n + d] + next[n + d]) / 2;
      const double change = std::abs(next[n + d] - state[n + d]);
      EXPECT_NEAR((next[d] - state[d]) / step, mean, 1e-3 * (1.0 + std::abs(mean)) + 0.2 * change)
          << info_.state_names[d] << " at step " << i;
    }
    state = next;
  }
}

TEST_P(EveryMechanicsTest, RunsBackwards) {
  if (GetParam().find("friction") != std::string::npos) return;
  const std::vector<double> state = FirstState(*mechanics_, 2);
  const std::vector<double> there = StateAfter(*mechanics_, state, rest_, 0.5);
  const std::vector<double> back = StateAfter(*mechanics_, there, rest_, -0.5);
  for (size_t d = 0; d < state.size(); ++d) EXPECT_NEAR(back[d], state[d], 1e-6);
}

INSTANTIATE_TEST_SUITE_P(AllMechanics, EveryMechanicsTest,
                         testing::ValuesIn(MechanicalSystemNames()),
                         [](const auto& info) { return info.param; });

// Mean and standard deviation of one number of the first state.
struct Spread {
  double mean = 0.0;
  double deviation = 0.0;
};
Spread FirstStateSpread(const std::string& name, int dimension) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(name);
  const int draws = 4000;
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < draws; ++i) {
    const double value = FirstState(*mechanics, DeriveSeed(9, i))[dimension];
    sum += value;
    squares += value * value;
  }
  Spread spread;
  spread.mean = sum / draws;
  spread.deviation = std::sqrt(squares / draws - spread.mean * spread.mean);
  return spread;
}

struct ExpectedSpread {
  std::string system;
  int dimension;
  double mean;
  double deviation;
};

class FirstStateTest : public testing::TestWithParam<ExpectedSpread> {};

TEST_P(FirstStateTest, HasTheDistributionOfThePapers) {
  const ExpectedSpread& expected = GetParam();
  const Spread found = FirstStateSpread(expected.system, expected.dimension);
  EXPECT_NEAR(found.mean, expected.mean, 5 * expected.deviation / std::sqrt(4000.0));
  EXPECT_NEAR(found.deviation, expected.deviation, 0.06 * expected.deviation);
}

INSTANTIATE_TEST_SUITE_P(
    Systems, FirstStateTest,
    testing::Values(
        ExpectedSpread{"spring_pendulum_1", 0, 0.0, 0.4},
        // Gravity stretches the spring by m g / k = 1.0391 x 0.981 m; noise of 0.4 and of 0.8 m.
        ExpectedSpread{"spring_pendulum_1", 2, -1.019309, std::hypot(0.4, 0.8)},
        ExpectedSpread{"spring_pendulum_3", 12, 0.0, 0.6},
        ExpectedSpread{"magnet_pendulum", 0, std::numbers::pi, 0.3},
        ExpectedSpread{"magnet_pendulum", 1, std::numbers::pi / 2, 0.2},
        ExpectedSpread{"magnet_pendulum", 3, 0.0, 0.4},
        ExpectedSpread{"coupled_pendulums_3", 0, std::numbers::pi, 0.3},
        ExpectedSpread{"coupled_pendulums_3", 11, 0.0, 0.3},
        ExpectedSpread{"gyroscope", 0, 0.0, 1.5 / std::sqrt(3.0)},
        ExpectedSpread{"gyroscope", 3, 0.0, 4.5 / std::sqrt(3.0)},
        ExpectedSpread{"gyroscope", 4, 0.0, 0.3 / std::sqrt(3.0)},
        // A random sign times 1.5 (7 + normal).
        ExpectedSpread{"gyroscope", 5, 0.0, 1.5 * std::sqrt(50.0)},
        // A normal of deviation 2 clamped to +-3.
        ExpectedSpread{"rotor", 4, 0.0, 1.764}, ExpectedSpread{"rotor", 0, 0.0, 0.1764},
        ExpectedSpread{"two_body", 0, 1.0, 1.0 / std::sqrt(12.0)},
        ExpectedSpread{"pixel_pendulum", 1, 0.0, 1.0 / std::sqrt(3.0)},
        // 3 (w cos d / 2 + 0.4 normal / l), d the angle that noise of 0.2 m turns the rod by:
        // normal, of deviation 0.2 / l, l = 1.1722 m.
        ExpectedSpread{"chain_pendulum_1", 1, 0.0, 1.80},
        // r (cos, sin) with r uniform in [0.9, 1.2]: E[r^2] / 2. Velocities r^-1/2 (3^-1/2)^1/2
        // across it, components off by up to 20%.
        ExpectedSpread{"three_body", 0, 0.0, std::sqrt(0.5 * (1.05 * 1.05 + 0.09 / 12))},
        ExpectedSpread{
            "three_body", 6, 0.0,
            std::sqrt(0.5 / std::sqrt(3.0) * std::log(1.2 / 0.9) / 0.3 * (1 + 0.04 / 3))}),
    [](const auto& info) {
      return info.param.system + "_" + std::to_string(info.param.dimension);
    });

TEST(CanonicalOscillatorTest, FirstStatesLieInTheirRing) {
  const struct {
    std::string system;
    double low, high;
  } rings[] = {{"mass_spring", 0.1, 1.0},
               {"ideal_pendulum", 1.3, 2.3},
               {"simulated_real_pendulum", 0.5, 1.0}};
  for (const auto& ring : rings) {
    const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(ring.system);
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const std::vector<double> state = FirstState(*mechanics, seed);
      const double radius = std::hypot(state[0], state[1]);
      EXPECT_GE(radius, ring.low);
      EXPECT_LE(radius, ring.high);
    }
  }
}

TEST(CanonicalOscillatorTest, MassSpringTurnsByTwoRadiansASecond) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const std::vector<double> end = StateAfter(*mechanics, {0.5, 0.0}, {}, std::numbers::pi / 4);
  EXPECT_NEAR(end[0], 0.0, 1e-9);
  EXPECT_NEAR(end[1], -0.5, 1e-9);
}

// The rods of a chain drawn apart by noise are put back: the first angle is normal with the noise
// of 0.2 m on the first mass alone.
TEST(ChainPendulumTest, FirstAnglesAreNearStandardNormal) {
  const Spread angle = FirstStateSpread("chain_pendulum_2", 0);
  EXPECT_NEAR(angle.mean, 0.0, 0.1);
  EXPECT_NEAR(angle.deviation, std::hypot(1.0, 0.2 / 1.035907), 0.1);
}

// Energy of a rod of known mass and length at rest, straight out: the drawn parameters are those of
// NumPy's legacy generator with seed 0.
TEST(ChainPendulumTest, MassesAndLengthsAreTheReferenceCodes) {
  const double half_turn = std::numbers::pi / 2;
  const auto height_energy = [&](const std::string& name, std::vector<double> angles) {
    angles.resize(2 * angles.size(), 0.0);
    return MakeEquationsOfMotion(name)->Energy(angles);
  };
  EXPECT_NEAR(height_energy("chain_pendulum_1", {0.0}), -9.81 * 1.039051 * 1.172151, 1e-4);
  // Only the outer rod hangs.
  EXPECT_NEAR(height_energy("chain_pendulum_3", {half_turn, half_turn, 0.0}),
              -9.81 * 1.039051 * 1.035907, 1e-4);
}

TEST(TwoBodyTest, CentreOfMassStaysAtTheOrigin) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("two_body");
  const std::vector<double> end = StateAfter(*mechanics, FirstState(*mechanics, 4), {}, 20.0);
  EXPECT_NEAR(end[0] + end[2], 0.0, 1e-7);
  EXPECT_NEAR(end[1] + end[3], 0.0, 1e-7);
}

TEST(ThreeBodyTest, BeginsAsATriangleInItsRing) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("three_body");
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<double> state = FirstState(*mechanics, seed);
    const double radius = std::hypot(state[0], state[1]);
    EXPECT_GE(radius, 0.9);
    EXPECT_LE(radius, 1.2);
    for (int body = 0; body < 3; ++body) {
      const double* x = &state[2 * body];
      const double* next = &state[2 * ((body + 1) % 3)];
      EXPECT_NEAR(std::hypot(x[0] - next[0], x[1] - next[1]), std::sqrt(3.0) * radius, 1e-12);
      // Each component within 20% of the circular orbit's, (3^-1/2 / r)^1/2 at right angles to x.
      const double circular = std::sqrt(1.0 / (std::sqrt(3.0) * radius)) / radius;
      EXPECT_NEAR(state[6 + 2 * body] / (-x[1] * circular), 1.0, 0.2 + 1e-12);
      EXPECT_NEAR(state[7 + 2 * body] / (x[0] * circular), 1.0, 0.2 + 1e-12);
    }
  }
}

TEST(MechanicalSystemTest, EndsByItsTimeLimitAndRefusesWrongStates) {
  const std::unique_ptr<System> system = *MakeSystem("chain_pendulum_2");
  EXPECT_EQ(system->info().max_episode_steps, 333);
  int steps = 0;
  while (!system->Step({}).truncated) ++steps;
  EXPECT_EQ(steps, 332);
  EXPECT_EQ(system->ResetTo({1.0, 2.0}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(system->ResetTo({1.0, 2.0, std::nan(""), 0.0}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MechanicalSystemTest, EqualsOneLongSolutionOfItsEquations) {
  const std::unique_ptr<const EquationsOfMotion> mechanics =
      MakeEquationsOfMotion("spring_pendulum_2");
  const std::vector<double> first = FirstState(*mechanics, 8);
  const std::unique_ptr<System> system = *MakeSystem("spring_pendulum_2");
  ASSERT_TRUE(system->ResetTo(first).ok());
  for (int i = 0; i < 100; ++i) system->Step({});
  std::vector<double> stepped(first.size());
  system->GetState(absl::MakeSpan(stepped));
  const std::vector<double> whole = StateAfter(*mechanics, first, {}, 3.0);
  for (size_t d = 0; d < first.size(); ++d) EXPECT_NEAR(stepped[d], whole[d], 1e-7);
}

}  // namespace
}  // namespace rollout
