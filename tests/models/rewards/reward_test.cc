#include "models/rewards/reward.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RewardFunction Reward(const std::string& name, int n, int nu) {
  return FindReward(name, n, nu).value();
}
TerminationFunction Termination(const std::string& name, int n, int nu) {
  return FindTermination(name, n, nu).value();
}

// Standing hopper, one position or velocity replaced.
std::vector<double> Hopper(int index, double value) {
  std::vector<double> state = {0.0, 1.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  state[index] = value;
  return state;
}

TEST(HopperTest, EndsExactlyOutsideItsHealthyRanges) {
  struct Case {
    int index;
    double value;
    bool ends;
  };
  const TerminationFunction termination = Termination("hopper_v5", 6, 3);
  for (const Case& c : std::initializer_list<Case>{{0, 1e6, false},
                                                   {0, kNan, false},
                                                   {1, 0.7, true},
                                                   {1, 0.7001, false},
                                                   {1, 50.0, false},
                                                   {1, kNan, true},
                                                   {2, 0.2, true},
                                                   {2, -0.1999, false},
                                                   {3, 100.0, true},
                                                   {7, -100.0, true},
                                                   {7, -99.9, false},
                                                   {11, kNan, true},
                                                   {11, HUGE_VAL, true}}) {
    const std::vector<double> next = Hopper(c.index, c.value);
    EXPECT_EQ(termination({.state = next, .control = {}, .next_state = next, .dt = 0.008}), c.ends)
        << "state[" << c.index << "] = " << c.value;
  }
}

TEST(HopperTest, RewardIsVelocityPlusHealthMinusControlCost) {
  const std::vector<double> state = Hopper(0, 1.0), next = Hopper(0, 1.016);
  const std::vector<double> control = {1.0, -2.0, 0.5};
  const RewardFunction reward = Reward("hopper_v5", 6, 3);
  EXPECT_NEAR(reward({.state = state, .control = control, .next_state = next, .dt = 0.008}),
              2.0 + 1.0 - 1e-3 * 5.25, 1e-12);
  const std::vector<double> fallen = Hopper(1, 0.3);
  EXPECT_NEAR(reward({.state = state, .control = control, .next_state = fallen, .dt = 0.008}),
              -125.0 - 1e-3 * 5.25, 1e-9);
}

TEST(Walker2dTest, EndsOutsideHeightAndAngle) {
  const TerminationFunction termination = Termination("walker2d_v5", 9, 6);
  auto ends = [&](double z, double angle) {
    std::vector<double> next(18);
    next[1] = z;
    next[2] = angle;
    return termination({.state = next, .control = {}, .next_state = next, .dt = 0.008});
  };
  EXPECT_FALSE(ends(1.25, 0));
  EXPECT_TRUE(ends(0.8, 0));
  EXPECT_TRUE(ends(2.0, 0));
  EXPECT_TRUE(ends(1.25, 1.0));
  EXPECT_TRUE(ends(1.25, -1.0));
  EXPECT_TRUE(ends(kNan, 0));
}

TEST(HalfCheetahAndSwimmerTest, NeverEndAndReportNonFiniteRewards) {
  for (const auto& [name, n, nu] : {std::tuple("half_cheetah_v5", 9, 6), {"swimmer_v5", 5, 2}}) {
    const std::vector<double> state(2 * n, 0.0), broken(2 * n, kNan), control(nu, 0.0);
    const TransitionView transition{
        .state = state, .control = control, .next_state = broken, .dt = 0.05};
    EXPECT_FALSE(Termination(name, n, nu)(transition)) << name;
    EXPECT_TRUE(std::isnan(Reward(name, n, nu)(transition))) << name;
  }
}

TEST(InvertedPendulumTest, PaysUntilThePoleLeansOrANumberIsNone) {
  const RewardFunction reward = Reward("inverted_pendulum_v5", 2, 1);
  const TerminationFunction termination = Termination("inverted_pendulum_v5", 2, 1);
  auto check = [&](std::vector<double> next, bool ends) {
    const TransitionView transition{.state = next, .control = {}, .next_state = next, .dt = 0.04};
    EXPECT_EQ(termination(transition), ends);
    EXPECT_EQ(reward(transition), ends ? 0.0 : 1.0);
  };
  check({0, 0.2, 0, 0}, false);
  check({0, -0.21, 0, 0}, true);
  check({0, 0, 0, kNan}, true);
  check({HUGE_VAL, 0, 0, 0}, true);
}

TEST(InvertedDoublePendulumTest, UprightPaysTenLessTheTipsDistance) {
  const RewardFunction reward = Reward("inverted_double_pendulum_v5", 3, 1);
  const TerminationFunction termination = Termination("inverted_double_pendulum_v5", 3, 1);
  const std::vector<double> upright = {0.5, 0, 0, 0, 2.0, -3.0};
  const TransitionView up{.state = upright, .control = {}, .next_state = upright, .dt = 0.05};
  EXPECT_FALSE(termination(up));
  EXPECT_NEAR(reward(up), 10 - 0.01 * 0.25 - 0.64 - 1e-3 * 4 - 5e-3 * 9, 1e-12);
  const std::vector<double> lying = {0, M_PI / 2, 0, 0, 0, 0};
  const TransitionView down{.state = lying, .control = {}, .next_state = lying, .dt = 0.05};
  EXPECT_TRUE(termination(down));
  EXPECT_NEAR(reward(down), -0.01 * 1.44 - 4, 1e-12);
}

TEST(ReacherTest, PaysTheDistanceOfFingertipAndTarget) {
  const RewardFunction reward = Reward("reacher_v5", 4, 2);
  const std::vector<double> next = {0, M_PI / 2, 0.1, -0.2, 0, 0, 0, 0}, control = {1, 2};
  EXPECT_NEAR(reward({.state = next, .control = control, .next_state = next, .dt = 0.02}),
              -0.31 - 5, 1e-12);
}

TEST(FindRewardTest, UnknownNameListsTheNamesThereAre) {
  const absl::Status status = FindReward("hopper", 6, 3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("hopper_v5, inverted_double_pendulum_v5"));
  EXPECT_EQ(FindTermination("ant_v5", 15, 8).status().code(), absl::StatusCode::kNotFound);
}

TEST(FindRewardTest, OtherSizesAreRefusedWithBoth) {
  const absl::Status status = FindReward("hopper_v5", 6, 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs 6 positions and 3 controls"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("has 6 and 4"));
  EXPECT_FALSE(FindTermination("hopper_v5", 7, 3).ok());
}

TEST(RewardNamesTest, EveryNameHasARewardAndATermination) {
  EXPECT_EQ(RewardNames().size(), 7u);
  EXPECT_EQ(RewardNames(), TerminationNames());
}

// Of every named reward, by central differences, at states near which nothing steps.
TEST(RewardGradientTest, AgreesWithFiniteDifferences) {
  struct Case {
    const char* name;
    int n, nu;
  };
  for (const Case& c : std::initializer_list<Case>{{"half_cheetah_v5", 9, 6},
                                                   {"hopper_v5", 6, 3},
                                                   {"inverted_double_pendulum_v5", 3, 1},
                                                   {"inverted_pendulum_v5", 2, 1},
                                                   {"reacher_v5", 4, 2},
                                                   {"swimmer_v5", 5, 2},
                                                   {"walker2d_v5", 9, 6}}) {
    std::vector<double> state(2 * c.n), control(c.nu), next(2 * c.n);
    for (int i = 0; i < 2 * c.n; ++i) {
      state[i] = 0.05 * std::sin(1.0 + 3.0 * i);
      next[i] = 0.05 * std::sin(2.0 + 5.0 * i);
    }
    next[1] += 0.1;
    for (int i = 0; i < c.nu; ++i) control[i] = 0.7 * std::cos(1.0 + i);
    const RewardFunction reward = Reward(c.name, c.n, c.nu);
    std::vector<double> by_state(2 * c.n, 1.0), by_control(c.nu, 1.0), by_next(2 * c.n, 1.0);
    FindRewardGradient(c.name, c.n, c.nu)
        .value()({.state = state, .control = control, .next_state = next, .dt = 0.04},
                 {absl::MakeSpan(by_state), absl::MakeSpan(by_control), absl::MakeSpan(by_next)});
    for (auto [values, gradient] : {std::pair(&state, &by_state), std::pair(&control, &by_control),
                                    std::pair(&next, &by_next)}) {
      for (size_t i = 0; i < values->size(); ++i) {
        const double at = (*values)[i];
        const auto reward_at = [&](double value) {
          (*values)[i] = value;
          return reward({.state = state, .control = control, .next_state = next, .dt = 0.04});
        };
        const double difference = (reward_at(at + 1e-5) - reward_at(at - 1e-5)) / 2e-5;
        (*values)[i] = at;
        // 1 was there before.
        EXPECT_NEAR((*gradient)[i] - 1.0, difference, 1e-7) << c.name << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace rollout
