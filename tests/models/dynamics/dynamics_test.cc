// Derivatives by formula, held against autograd and finite differences in float64.
#include "models/dynamics/dynamics.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "models/dynamics/symplecticity.h"
#include "models/integrators/integrator.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

const at::TensorOptions kExact = at::TensorOptions(at::kDouble);

// A model's dynamics in float64, with states and controls [E, B, ...] to try them on.
struct Trial {
  explicit Trial(const SpecChoice& choice, int lanes = 4, uint64_t seed = 3)
      : model(RandomModel(MakeSpec(choice), seed)),
        weights(*ModelWeights::FromModel(model, kExact)),
        dynamics(*MakeDynamics(model.spec, weights)) {
    at::set_num_threads(1);  // a second one costs more than it computes on numbers this few
    const int members = choice.ensemble_size;
    std::vector<float> z = RandomStates(model.spec, members * lanes, 4);
    std::vector<float> u = RandomControls(model.spec, members * lanes, 1, 5);
    state = at::tensor(z).to(kExact).view({members, lanes, model.spec.state_size()});
    control = at::tensor(u).to(kExact).view({members, lanes, model.spec.num_controls});
  }

  TransitionModel model;
  ModelWeights weights;
  std::unique_ptr<Dynamics> dynamics;
  at::Tensor state, control;
};

double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// One choice per kind, mass, force and angles (the integrator does not matter), for E = 1 and 3.
std::vector<SpecChoice> EveryDynamics() {
  std::vector<SpecChoice> choices;
  for (SpecChoice choice : EverySpecChoice()) {
    if (choice.method != IntegratorMethod::kRk4) continue;
    choices.push_back(choice);
    choice.ensemble_size = 3;
    choices.push_back(choice);
  }
  return choices;
}

class DynamicsTest : public testing::TestWithParam<SpecChoice> {};

TEST_P(DynamicsTest, DerivativesOfTheHamiltonianAreThoseOfAutograd) {
  for (const Activation activation :
       {Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}) {
    SpecChoice choice = GetParam();
    choice.activation = activation;
    choice.has_force = false;  // not part of H
    const Trial trial(choice);
    CarriedState carried = trial.dynamics->Enter(trial.state);
    carried = {carried.position.detach().set_requires_grad(true),
               carried.momentum.detach().set_requires_grad(true)};
    const at::Tensor energy = trial.dynamics->Energy(carried);
    if (!energy.defined()) {
      EXPECT_TRUE(choice.kind == DynamicsKind::kNode || choice.kind == DynamicsKind::kNodeSo ||
                  choice.kind == DynamicsKind::kMechanics ||
                  choice.kind == DynamicsKind::kNodeRecurrent);
      return;
    }
    const auto gradient =
        torch::autograd::grad({energy.sum()}, {carried.position, carried.momentum});
    const HeldControl control = trial.dynamics->Hold(carried, trial.control);
    const Rates rates = trial.dynamics->Derivative(carried, control);
    EXPECT_LT(LargestDifference(rates.position, gradient[1]), 1e-13) << Name(activation);
    EXPECT_LT(LargestDifference(rates.momentum, -gradient[0]), 1e-13) << Name(activation);
  }
}

TEST_P(DynamicsTest, EachHalfOfTheDerivativeIsTheSameAlone) {
  const Trial trial(GetParam());
  if (GetParam().kind == DynamicsKind::kNode) return;  // never asked of it
  const CarriedState carried = trial.dynamics->Enter(trial.state);
  const HeldControl control = trial.dynamics->Hold(carried, trial.control);
  const Rates rates = trial.dynamics->Derivative(carried, control);
  EXPECT_TRUE(at::equal(rates.position, trial.dynamics->PositionRate(carried, control)));
  EXPECT_TRUE(at::equal(rates.momentum, trial.dynamics->MomentumRate(carried, control)));
}

TEST_P(DynamicsTest, LeavingUndoesEntering) {
  const Trial trial(GetParam());
  const at::Tensor back = trial.dynamics->Leave(trial.dynamics->Enter(trial.state));
  EXPECT_LT(LargestDifference(back, trial.state), 1e-12);
}

TEST_P(DynamicsTest, InferenceModeGivesTheSameBits) {
  Trial trial(GetParam());
  trial.weights.RequireGradients(true);
  const auto rates_of = [](const Trial& t, const Dynamics& dynamics) {
    const CarriedState carried = dynamics.Enter(t.state);
    const Rates rates = dynamics.Derivative(carried, dynamics.Hold(carried, t.control));
    return at::cat({rates.position, rates.momentum}, -1);
  };
  const at::Tensor with_autograd = rates_of(trial, **MakeDynamics(trial.model.spec, trial.weights));
  const c10::InferenceMode inference;
  const at::Tensor without = rates_of(trial, **MakeDynamics(trial.model.spec, trial.weights));
  EXPECT_TRUE(at::equal(with_autograd.detach(), without));
}

TEST_P(DynamicsTest, MembersOfAnEnsembleAreWhatTheyAreAlone) {
  const Trial trial(GetParam());
  const int members = GetParam().ensemble_size;
  if (members == 1) return;
  const auto end_of = [](const Dynamics& dynamics, const at::Tensor& state,
                         const at::Tensor& control) {
    const auto integrator = *MakeIntegrator({IntegratorMethod::kRk4, 4, 0, 0}, 0.1);
    const CarriedState start = dynamics.Enter(state);
    return dynamics.Leave(integrator->Transition(dynamics, start, dynamics.Hold(start, control)));
  };
  const at::Tensor together = end_of(*trial.dynamics, trial.state, trial.control);
  for (int e = 0; e < members; ++e) {
    TransitionModel alone = trial.model;
    alone.spec.ensemble_size = 1;
    for (NamedTensor& tensor : alone.weights) {
      if (!ModelWeights::IsLearned(tensor.name)) continue;
      const auto size = static_cast<int64_t>(tensor.data.size()) / members;
      tensor.data = {tensor.data.begin() + e * size, tensor.data.begin() + (e + 1) * size};
      tensor.shape[0] = 1;
    }
    ASSERT_OK_AND_ASSIGN(const ModelWeights weights, ModelWeights::FromModel(alone, kExact));
    ASSERT_OK_AND_ASSIGN(const auto dynamics, MakeDynamics(alone.spec, weights));
    const at::Tensor end =
        end_of(*dynamics, trial.state.narrow(0, e, 1), trial.control.narrow(0, e, 1));
    EXPECT_LT(LargestDifference(end[0], together[e]), 1e-13);
  }
}

// What training does: backward through the entry, several steps and the exit, to every parameter.
TEST_P(DynamicsTest, GradientsOfARolloutAreThoseOfFiniteDifferences) {
  Trial trial(GetParam(), 2);
  trial.weights.RequireGradients(true);
  const auto integrator = *MakeIntegrator({IntegratorMethod::kRk4, 2, 0, 0}, 0.2);
  const auto loss = [&] {
    const auto dynamics = *MakeDynamics(trial.model.spec, trial.weights);
    CarriedState carried = dynamics->Enter(trial.state);
    for (int t = 0; t < 2; ++t) {
      const HeldControl control = dynamics->Hold(carried, trial.control);
      carried = integrator->Transition(*dynamics, carried, control);
    }
    return dynamics->Leave(carried).sin().sum();
  };
  loss().backward();
  // Along one direction in which all parameters move together.
  std::vector<std::pair<at::Tensor, at::Tensor>> moving;
  double along = 0.0;
  for (const ModelWeights::Entry& entry : trial.weights.entries()) {
    EXPECT_EQ(entry.value.requires_grad(), ModelWeights::IsLearned(entry.name)) << entry.name;
    if (!ModelWeights::IsLearned(entry.name)) continue;
    const at::Tensor gradient = entry.value.grad();
    if (!gradient.defined()) {
      // The constant of H has no influence.
      EXPECT_TRUE(entry.name == "potential.2.bias" || entry.name == "hamiltonian.2.bias")
          << entry.name;
      continue;
    }
    EXPECT_GT(gradient.abs().max().item<double>(), 0.0) << entry.name;
    const at::Tensor direction =
        at::cos(at::arange(entry.value.numel(), kExact) + along).view_as(gradient);
    along += (gradient * direction).sum().item<double>();
    moving.emplace_back(entry.value, direction);
  }
  const at::NoGradGuard no_gradients;
  const auto moved = [&](double distance) {
    for (const auto& [value, direction] : moving) value.add_(direction, distance);
    const double result = loss().item<double>();
    for (const auto& [value, direction] : moving) value.sub_(direction, distance);
    return result;
  };
  const double step = 1e-6;
  const double expected = (moved(step) - moved(-step)) / (2 * step);
  EXPECT_NEAR(along, expected, 1e-6 * std::max(1.0, std::abs(expected)));
}

INSTANTIATE_TEST_SUITE_P(EveryKind, DynamicsTest, testing::ValuesIn(EveryDynamics()),
                         [](const auto& info) { return ChoiceName(info.param); });

TEST(Dynamics, IdentityMassKeepsVelocitiesBitForBit) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.mass = MassKind::kIdentity;
  const Trial trial(choice);
  const CarriedState carried = trial.dynamics->Enter(trial.state);
  EXPECT_TRUE(at::equal(carried.momentum, trial.state[0].narrow(-1, 3, 3)));
  EXPECT_TRUE(at::equal(trial.dynamics->Leave(carried), trial.state));
}

TEST(Dynamics, IgnoredPositionsMayBeAnywhere) {
  for (const DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.ignored_positions = {0};
    const Trial trial(choice);
    const auto rates_at = [&](double offset) {
      at::Tensor state = trial.state.clone();
      state.select(-1, 0).add_(offset);
      const CarriedState carried = trial.dynamics->Enter(state);
      const HeldControl control = trial.dynamics->Hold(carried, trial.control);
      const Rates rates = trial.dynamics->Derivative(carried, control);
      return at::cat({rates.position, rates.momentum}, -1);
    };
    EXPECT_TRUE(at::equal(rates_at(0.0), rates_at(1000.0))) << Name(kind);
  }
}

TEST(Dynamics, AnglesMayHaveTurnedAThousandTimes) {
  for (const DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.angular_positions = {1};
    const Trial trial(choice);
    const auto rates_at = [&](int turns) {
      at::Tensor state = trial.state.clone();
      state.select(-1, 1).add_(turns * 2.0 * 3.14159265358979323846);
      const CarriedState carried = trial.dynamics->Enter(state);
      const HeldControl control = trial.dynamics->Hold(carried, trial.control);
      const Rates rates = trial.dynamics->Derivative(carried, control);
      return at::cat({rates.position, rates.momentum}, -1);
    };
    EXPECT_LT(LargestDifference(rates_at(0), rates_at(1500)), 1e-10) << Name(kind);
  }
}

// A light body: the smallest eigenvalues of Minv are mass_epsilon's, and float32 alone would lose
// p.
TEST(Dynamics, EntryIsExactWhereTheMassIsBadlyConditioned) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.num_positions = 4;
  TransitionModel model = RandomModel(MakeSpec(choice), 3);
  for (NamedTensor& tensor : model.weights) {
    if (tensor.name != "mass.2.bias") continue;
    for (int i = 2; i < 4; ++i) tensor.data[static_cast<size_t>(i * (i + 3) / 2)] = -12.0f;
  }
  const std::vector<float> z = RandomStates(model.spec, 5, 4);
  const auto round_trip = [&](at::ScalarType dtype) {
    const at::Tensor state = at::tensor(z).view({1, 5, 8}).to(dtype);
    const ModelWeights weights = *ModelWeights::FromModel(model, at::TensorOptions(dtype));
    const auto dynamics = *MakeDynamics(model.spec, weights);
    return LargestDifference(dynamics->Leave(dynamics->Enter(state)), state);
  };
  EXPECT_LT(round_trip(at::kDouble), 1e-10);
  EXPECT_LT(round_trip(at::kFloat), 1e-3);
}

TEST(Dynamics, ALaneWithoutAMassBecomesNaNAlone) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  const Trial trial(choice, 3);
  at::Tensor state = trial.state.clone();
  state[0][1][0] = std::numeric_limits<double>::quiet_NaN();
  const CarriedState carried = trial.dynamics->Enter(state);
  const CarriedState good = trial.dynamics->Enter(trial.state);
  EXPECT_TRUE(carried.momentum[1].isnan().all().item<bool>());
  for (int lane : {0, 2}) EXPECT_TRUE(at::equal(carried.momentum[lane], good.momentum[lane]));
}

// F = J dH exactly where J DF is symmetric.
TEST_P(DynamicsTest, OnlyHamiltonianFieldsAreSymplectic) {
  SpecChoice choice = GetParam();
  const bool hamiltonian = choice.kind == DynamicsKind::kHnn ||
                           choice.kind == DynamicsKind::kHnnNonseparable ||
                           choice.kind == DynamicsKind::kHnnCanonical;
  const Trial trial(choice);
  const CarriedState carried = trial.dynamics->Enter(trial.state);
  const HeldControl control = trial.dynamics->Hold(carried, trial.control);
  const at::Tensor asymmetry =
      SymplecticAsymmetry(RateJacobian(*trial.dynamics, carried, control, Differentiable::kNo));
  EXPECT_EQ(asymmetry.numel(), choice.ensemble_size);
  if (hamiltonian && !choice.has_force) {
    EXPECT_LT(asymmetry.max().item<double>(), 1e-24);
  } else {
    EXPECT_GT(asymmetry.min().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace rollout
