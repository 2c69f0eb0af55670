// Orders of the integrators on learned dynamics: LEAPFROG keeps its second only where the mass is
// constant and no force depends on the velocity.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/integrators/integrator.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

struct LearnedOrder {
  SpecChoice choice;
  double order;
};

SpecChoice Choice(DynamicsKind kind, IntegratorMethod method, MassKind mass = MassKind::kNone,
                  bool has_force = false) {
  SpecChoice choice;
  choice.kind = kind;
  choice.method = method;
  choice.mass = mass;
  choice.has_force = has_force;
  return choice;
}

std::vector<LearnedOrder> Expected() {
  std::vector<LearnedOrder> expected;
  for (const IntegratorMethod rk4 : {IntegratorMethod::kRk4, IntegratorMethod::kRk4ThreeEighths}) {
    for (const DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo}) {
      expected.push_back({Choice(kind, rk4), 4.0});
    }
    expected.push_back({Choice(DynamicsKind::kHnn, rk4, MassKind::kLearned, true), 4.0});
  }
  constexpr IntegratorMethod kLeapfrog = IntegratorMethod::kLeapfrog;
  expected.push_back({Choice(DynamicsKind::kNodeSo, kLeapfrog), 1.0});
  expected.push_back({Choice(DynamicsKind::kHnn, kLeapfrog, MassKind::kLearned), 1.0});
  expected.push_back({Choice(DynamicsKind::kHnn, kLeapfrog, MassKind::kIdentity, true), 1.0});
  expected.push_back({Choice(DynamicsKind::kHnn, kLeapfrog, MassKind::kIdentity), 2.0});
  for (const DynamicsKind kind : {DynamicsKind::kHnn, DynamicsKind::kHnnNonseparable,
                                  DynamicsKind::kHnnCanonical, DynamicsKind::kMechanics}) {
    expected.push_back({Choice(kind, IntegratorMethod::kImplicitMidpoint), 2.0});
  }
  return expected;
}

class LearnedOrderTest : public testing::TestWithParam<LearnedOrder> {};

TEST_P(LearnedOrderTest, IsSeenWhenTheStepIsHalved) {
  at::set_num_threads(1);
  const TransitionModel model = RandomModel(MakeSpec(GetParam().choice), 5);
  const at::TensorOptions exact(at::kDouble);
  const ModelWeights weights = *ModelWeights::FromModel(model, exact);
  const auto dynamics = *MakeDynamics(model.spec, weights);
  const at::Tensor state =
      at::tensor(RandomStates(model.spec, 3, 1)).to(exact).view({1, 3, model.spec.state_size()});
  const at::Tensor control = at::tensor(RandomControls(model.spec, 3, 1, 2))
                                 .to(exact)
                                 .view({1, 3, model.spec.num_controls});
  const auto end = [&](IntegratorMethod method, int substeps) {
    const auto integrator = *MakeIntegrator({method, substeps, 0, 0}, 1.0);
    const CarriedState start = dynamics->Enter(state);
    return dynamics->Leave(
        integrator->Transition(*dynamics, start, dynamics->Hold(start, control)));
  };
  const at::Tensor truth = end(IntegratorMethod::kRk4, 512);
  const auto error = [&](int substeps) {
    return (end(GetParam().choice.method, substeps) - truth).norm().item<double>();
  };
  EXPECT_NEAR(std::log2(error(32) / error(64)), GetParam().order, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Every, LearnedOrderTest, testing::ValuesIn(Expected()),
                         [](const auto& info) { return ChoiceName(info.param.choice); });

}  // namespace
}  // namespace rollout
