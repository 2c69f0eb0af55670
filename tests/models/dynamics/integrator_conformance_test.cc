// What every integrator must do, on systems whose solution is known.
#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/integrators/integrator.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

const at::TensorOptions kExact = at::TensorOptions(at::kDouble);

// q'' = −q − damping q' + u, one degree of freedom.
class Oscillator : public Dynamics {
 public:
  explicit Oscillator(double damping = 0.0) : damping_(damping) {}

  CarriedState Enter(const at::Tensor& state) const override {
    return {state[0].narrow(-1, 0, 1), state[0].narrow(-1, 1, 1)};
  }
  at::Tensor Leave(const CarriedState& carried) const override {
    return at::cat({carried.position, carried.momentum}, -1).unsqueeze(0);
  }
  HeldControl Hold(const CarriedState&, const at::Tensor& control) const override {
    return {control[0]};
  }
  Rates Derivative(const CarriedState& z, const HeldControl& control) const override {
    return {z.momentum, control.first_layer - z.position - damping_ * z.momentum};
  }

 private:
  double damping_;
};

// Where (q, v) = (q0, v0) has moved after `time` under constant u.
std::vector<double> Solution(double q0, double v0, double u, double damping, double time) {
  const double half = damping / 2, frequency = std::sqrt(1.0 - half * half);
  const double x0 = q0 - u, decay = std::exp(-half * time);
  const double c = std::cos(frequency * time), s = std::sin(frequency * time);
  const double b = (v0 + half * x0) / frequency;
  const double x = decay * (x0 * c + b * s);
  const double v = decay * (frequency * (b * c - x0 * s)) - half * x;
  return {u + x, v};
}

struct Method {
  IntegratorMethod method;
  double order;         // on the oscillator
  double damped_order;  // on the damped oscillator, whose force depends on the velocity
  bool bounded_energy;  // symplectic on the oscillator
  bool reversible;      // steps with h and −h undo each other, on the oscillator
};

std::ostream& operator<<(std::ostream& out, const Method& m) { return out << Name(m.method); }

class IntegratorConformanceTest : public testing::TestWithParam<Method> {
 protected:
  static std::unique_ptr<Integrator> Make(double dt, int substeps, double rtol = 0,
                                          double atol = 0) {
    return *MakeIntegrator({GetParam().method, substeps, rtol, atol}, dt);
  }
  static bool IsAdaptive() { return GetParam().method == IntegratorMethod::kDopri5; }

  // Largest error after 2 seconds under u = 0.3.
  static double Error(const Integrator& integrator, double damping) {
    const Oscillator oscillator(damping);
    const at::Tensor start = at::tensor({1.0, 0.5}, kExact).view({1, 1, 2});
    const HeldControl control = oscillator.Hold({}, at::full({1, 1, 1}, 0.3, kExact));
    CarriedState z = oscillator.Enter(start);
    for (int t = 0; t < 2; ++t) z = integrator.Transition(oscillator, z, control);
    const at::Tensor end = oscillator.Leave(z).flatten();
    const std::vector<double> expected = Solution(1.0, 0.5, 0.3, damping, 2.0);
    return std::max(std::abs(end[0].item<double>() - expected[0]),
                    std::abs(end[1].item<double>() - expected[1]));
  }
};

TEST_P(IntegratorConformanceTest, ConvergesToTheAnalyticSolution) {
  for (const double damping : {0.0, 0.4}) {
    const double error = IsAdaptive() ? Error(*Make(1.0, 1, 1e-10, 1e-12), damping)
                                      : Error(*Make(1.0, 1000), damping);
    EXPECT_LT(error, 2e-3) << "damping " << damping;
  }
}

TEST_P(IntegratorConformanceTest, ShowsItsOrderWhenTheStepIsHalved) {
  if (IsAdaptive()) {
    // The tolerance takes the place of the step.
    EXPECT_LT(Error(*Make(1.0, 1, 1e-9, 1e-11), 0.4), Error(*Make(1.0, 1, 1e-5, 1e-7), 0.4) / 1e3);
    return;
  }
  const auto order = [](double damping) {
    return std::log2(Error(*Make(1.0, 32), damping) / Error(*Make(1.0, 64), damping));
  };
  EXPECT_NEAR(order(0.0), GetParam().order, 0.1);
  EXPECT_NEAR(order(0.4), GetParam().damped_order, 0.1);
}

TEST_P(IntegratorConformanceTest, KeepsEnergyBoundedWhereItSaysSo) {
  const Oscillator oscillator;
  const auto integrator = Make(0.2, 1, 1e-12, 1e-13);
  const HeldControl control = oscillator.Hold({}, at::zeros({1, 1, 1}, kExact));
  CarriedState z = oscillator.Enter(at::tensor({1.0, 0.0}, kExact).view({1, 1, 2}));
  const int steps = IsAdaptive() ? 100 : 2000, tenth = steps / 10;
  double early = 0.0, late = 0.0;
  for (int i = 0; i < steps; ++i) {
    z = integrator->Transition(oscillator, z, control);
    const double q = z.position.item<double>(), p = z.momentum.item<double>();
    const double drift = std::abs(0.5 * (q * q + p * p) - 0.5);
    if (i < tenth) early = std::max(early, drift);
    if (i >= steps - tenth) late = std::max(late, drift);
  }
  if (GetParam().bounded_energy) {
    EXPECT_LE(late, 2 * early + 1e-9);
  } else {
    EXPECT_GT(late, 2 * early);
  }
}

TEST_P(IntegratorConformanceTest, IsReversibleWhereItSaysSo) {
  const Oscillator oscillator;
  const HeldControl control = oscillator.Hold({}, at::full({1, 1, 1}, 0.1, kExact));
  const CarriedState start = oscillator.Enter(at::tensor({1.0, 0.2}, kExact).view({1, 1, 2}));
  const auto forward = Make(0.1, 1), backward = Make(-0.1, 1);
  CarriedState z = start;
  const int steps = IsAdaptive() ? 20 : 500;
  for (int i = 0; i < steps; ++i) z = forward->Transition(oscillator, z, control);
  for (int i = 0; i < steps; ++i) z = backward->Transition(oscillator, z, control);
  const double distance = (z.position - start.position).abs().max().item<double>();
  if (GetParam().reversible) {
    EXPECT_LT(distance, 1e-9);
  } else if (!IsAdaptive()) {
    EXPECT_GT(distance, 1e-9);
  }
}

TEST_P(IntegratorConformanceTest, ALaneIsTheSameInAnyCompany) {
  const Oscillator oscillator(0.3);
  const auto integrator = Make(0.5, 3);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const at::Tensor states =
      at::tensor({1.0, 0.5, nan, 1.0, 1e3, -1e3, -0.2, 0.1}, kExact).view({1, 4, 2});
  const at::Tensor controls = at::tensor({0.1, 0.2, 0.3, 0.4}, kExact).view({1, 4, 1});
  const auto end = [&](const at::Tensor& state, const at::Tensor& control) {
    return oscillator.Leave(integrator->Transition(oscillator, oscillator.Enter(state),
                                                   oscillator.Hold({}, control)))[0];
  };
  const at::Tensor together = end(states, controls);
  for (int lane = 0; lane < 4; ++lane) {
    const at::Tensor alone = end(states.narrow(1, lane, 1), controls.narrow(1, lane, 1));
    if (lane == 1) {
      EXPECT_TRUE(alone.isnan().any().item<bool>());
      EXPECT_TRUE(together[lane].isnan().any().item<bool>());
    } else {
      EXPECT_TRUE(at::equal(alone[0], together[lane])) << "lane " << lane;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Every, IntegratorConformanceTest,
    testing::Values(Method{IntegratorMethod::kEuler, 1, 1, false, false},
                    Method{IntegratorMethod::kConstantAcceleration, 1, 1, false, false},
                    Method{IntegratorMethod::kSymplecticEuler, 1, 1, true, false},
                    Method{IntegratorMethod::kLeapfrog, 2, 1, true, true},
                    Method{IntegratorMethod::kRk4, 4, 4, false, false},
                    Method{IntegratorMethod::kRk4ThreeEighths, 4, 4, false, false},
                    Method{IntegratorMethod::kImplicitMidpoint, 2, 2, true, true},
                    Method{IntegratorMethod::kDopri5, 5, 5, true, false}),
    [](const auto& info) { return std::string(Name(info.param.method)); });

TEST(ImplicitMidpoint, ALaneWithoutAFixedPointBecomesNaN) {
  const Oscillator oscillator;
  const auto integrator = *MakeIntegrator({IntegratorMethod::kImplicitMidpoint, 1, 0, 0}, 3.0);
  const HeldControl control = oscillator.Hold({}, at::zeros({1, 1, 1}, kExact));
  const CarriedState z = integrator->Transition(
      oscillator, oscillator.Enter(at::tensor({1.0, 0.0}, kExact).view({1, 1, 2})), control);
  EXPECT_TRUE(z.position.isnan().all().item<bool>());
}

TEST(Dopri5, ALaneThatNeedsMoreThanAThousandTrialsBecomesNaN) {
  const Oscillator oscillator;
  const auto integrator = *MakeIntegrator({IntegratorMethod::kDopri5, 1, 1e-6, 1e-8}, 1e5);
  const HeldControl control = oscillator.Hold({}, at::zeros({1, 2, 1}, kExact));
  // The second lane rests where nothing moves.
  const CarriedState z = integrator->Transition(
      oscillator, oscillator.Enter(at::tensor({1.0, 0.0, 0.0, 0.0}, kExact).view({1, 2, 2})),
      control);
  EXPECT_TRUE(z.position[0].isnan().all().item<bool>());
  EXPECT_EQ(z.position[1].item<double>(), 0.0);
}

TEST(MakeIntegrator, RefusesAMethodThatDoesNotExist) {
  EXPECT_THAT(MakeIntegrator({static_cast<IntegratorMethod>(99), 1, 0, 0}, 0.1),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("99")));
}

}  // namespace
}  // namespace rollout
