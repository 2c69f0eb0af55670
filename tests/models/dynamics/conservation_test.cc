// What a Hamiltonian model without a force keeps: its own H, and the way back.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/dynamics/dynamics.h"
#include "models/integrators/integrator.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

constexpr int kLanes = 4;
const at::TensorOptions kExact = at::TensorOptions(at::kDouble);

std::vector<SpecChoice> HamiltonianChoices() {
  const auto choice = [](DynamicsKind kind, MassKind mass) {
    SpecChoice made;
    made.kind = kind;
    made.method = IntegratorMethod::kImplicitMidpoint;
    made.mass = mass;
    made.num_positions = 2;
    made.num_controls = 0;
    return made;
  };
  return {choice(DynamicsKind::kHnn, MassKind::kLearned),
          choice(DynamicsKind::kHnn, MassKind::kIdentity),
          choice(DynamicsKind::kHnnNonseparable, MassKind::kLearned),
          choice(DynamicsKind::kHnnCanonical, MassKind::kNone)};
}

class ConservationTest : public testing::TestWithParam<SpecChoice> {
 protected:
  ConservationTest() : model_(RandomModel(MakeSpec(GetParam()), 3)) {
    at::set_num_threads(1);
    dynamics_ = *MakeDynamics(model_.spec, *ModelWeights::FromModel(model_, kExact));
    const std::vector<float> states = RandomStates(model_.spec, kLanes, 4);
    start_ =
        dynamics_->Enter(at::tensor(states).to(kExact).view({1, kLanes, model_.spec.state_size()}));
    control_ = dynamics_->Hold(start_, at::zeros({1, kLanes, 0}, kExact));
  }

  static std::unique_ptr<Integrator> Make(IntegratorMethod method, double dt, double rtol = 0.0,
                                          double atol = 0.0) {
    return *MakeIntegrator({method, 1, rtol, atol}, dt);
  }

  // The largest |H - H(start)| of all lanes over each `block` of `steps` transitions.
  std::vector<double> Drifts(const Integrator& integrator, int steps, int block) const {
    const at::Tensor first = dynamics_->Energy(start_);
    CarriedState z = start_;
    std::vector<double> drifts;
    for (int step = 0; step < steps; ++step) {
      if (step % block == 0) drifts.push_back(0.0);
      z = integrator.Transition(*dynamics_, z, control_);
      const double drift = (dynamics_->Energy(z) - first).abs().max().item<double>();
      drifts.back() = std::max(drifts.back(), drift);
    }
    return drifts;
  }

  const c10::InferenceMode inference_;
  const TransitionModel model_;
  std::unique_ptr<Dynamics> dynamics_;
  CarriedState start_;
  HeldControl control_;
};

// Greydanus et al. (2019): what is left of the drift is the solver's.
TEST_P(ConservationTest, TighterToleranceKeepsItsOwnEnergyBetter) {
  const auto drift = [this](double rtol) {
    return Drifts(*Make(IntegratorMethod::kDopri5, 1.0, rtol, rtol / 100), 20, 20)[0];
  };
  const double loose = drift(1e-6);
  EXPECT_GT(loose, 0.0);
  EXPECT_LE(drift(1e-9), loose / 100);
}

TEST_P(ConservationTest, ImplicitMidpointKeepsItBounded) {
  const std::vector<double> drifts =
      Drifts(*Make(IntegratorMethod::kImplicitMidpoint, 0.1), 10000, 1000);
  EXPECT_GT(drifts.front(), 0.0);
  EXPECT_LE(drifts.back(), 2 * drifts.front());
  // The same steps by a method that is not symplectic.
  EXPECT_GT(Drifts(*Make(IntegratorMethod::kEuler, 0.1), 1000, 1000)[0], 10 * drifts.front());
}

TEST_P(ConservationTest, LeapfrogKeepsItBoundedWhereTheMassIsTheIdentity) {
  if (GetParam().mass != MassKind::kIdentity) return;  // not symplectic otherwise
  const std::vector<double> drifts = Drifts(*Make(IntegratorMethod::kLeapfrog, 0.1), 10000, 1000);
  EXPECT_GT(drifts.front(), 0.0);
  EXPECT_LE(drifts.back(), 2 * drifts.front());
}

TEST_P(ConservationTest, ImplicitMidpointFindsTheWayBack) {
  const auto there = Make(IntegratorMethod::kImplicitMidpoint, 0.02);
  const auto back = Make(IntegratorMethod::kImplicitMidpoint, -0.02);
  CarriedState z = start_;
  for (int step = 0; step < 1000; ++step) z = there->Transition(*dynamics_, z, control_);
  EXPECT_GT((z.position - start_.position).abs().max().item<double>(), 0.01);
  for (int step = 0; step < 1000; ++step) z = back->Transition(*dynamics_, z, control_);
  EXPECT_LT((z.position - start_.position).abs().max().item<double>(), 1e-6);
  EXPECT_LT((z.momentum - start_.momentum).abs().max().item<double>(), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ConservationTest, testing::ValuesIn(HamiltonianChoices()),
                         [](const auto& info) { return ChoiceName(info.param); });

}  // namespace
}  // namespace rollout
