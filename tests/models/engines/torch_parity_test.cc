// The torch engine in float32 against the scalar float64 reference.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

std::vector<float> TorchRollouts(const TransitionModel& model, const std::vector<float>& initial,
                                 const std::vector<float>& controls, int lanes, int horizon) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32);
  EXPECT_OK(engine.status());
  if (!engine.ok()) return {};
  std::vector<float> trajectory(
      static_cast<size_t>(lanes * (horizon + 1) * model.spec.state_size()));
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  EXPECT_OK((*engine)->Rollout({job}));
  return trajectory;
}

// How far the engine is from the reference, in units of each dimension's spread.
double Deviation(const TransitionModel& model, int lanes, int horizon) {
  const std::vector<float> initial = RandomStates(model.spec, lanes, 1);
  const std::vector<float> controls = RandomControls(model.spec, lanes, horizon, 2);
  const std::vector<double> expected = ReferenceRollouts(model, initial, controls, lanes, horizon);
  return LargestDeviation(TorchRollouts(model, initial, controls, lanes, horizon), expected,
                          Spread(expected, model.spec.state_size()));
}

class TorchParityTest : public testing::TestWithParam<SpecChoice> {};

TEST_P(TorchParityTest, StaysWithinAnEngineToleranceOf200TransitionsOf8Substeps) {
  SpecChoice choice = GetParam();
  if (choice.method == IntegratorMethod::kDopri5) choice.substeps = 1;  // the first trial only
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 7), 2, 200), 1e-4);
}

// Steps so coarse that the methods part visibly, and three members whose mean is reported. (The
// fixed point of IMPLICIT_MIDPOINT exists only for steps below the reciprocal of the Lipschitz
// constant, and low orders at steps of a second amplify rounding.)
TEST_P(TorchParityTest, AgreesAtCoarseSteps) {
  SpecChoice choice = GetParam();
  const bool fourth_order = choice.method == IntegratorMethod::kRk4 ||
                            choice.method == IntegratorMethod::kRk4ThreeEighths;
  choice.transition_dt = fourth_order ? 2.0 : 0.5;
  choice.substeps = 2;
  choice.ensemble_size = 3;
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 8), 3, 7), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, TorchParityTest,
                         testing::ValuesIn(EverySpecChoice()),
                         [](const auto& info) { return ChoiceName(info.param); });

class ActivationParityTest : public testing::TestWithParam<Activation> {};

TEST_P(ActivationParityTest, EveryKindAgrees) {
  for (const DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn,
                                  DynamicsKind::kHnnNonseparable, DynamicsKind::kMechanics,
                                  DynamicsKind::kHnnCanonical, DynamicsKind::kNodeRecurrent}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.activation = GetParam();
    choice.has_force = kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable;
    EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 9), 2, 50), 1e-4) << ChoiceName(choice);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ActivationParityTest,
                         testing::Values(Activation::kTanh, Activation::kRelu, Activation::kSilu,
                                         Activation::kSoftplus),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST(TorchParity, LinearNetworksAndNoControlsAgree) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.hidden_sizes = {};
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 10), 2, 20), 2e-5);
}

// What the tests above rest on: they could tell the two rules apart.
TEST(TorchParity, CoarseStepsTellTheTwoFourthOrderRulesApart) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNode;
  choice.transition_dt = 2.0;
  choice.substeps = 2;
  choice.method = IntegratorMethod::kRk4;
  TransitionModel model = RandomModel(MakeSpec(choice), 8);
  const std::vector<float> initial = RandomStates(model.spec, 1, 1);
  const std::vector<float> controls = RandomControls(model.spec, 1, 7, 2);
  const std::vector<double> classic = ReferenceRollouts(model, initial, controls, 1, 7);
  model.spec.integrator.method = IntegratorMethod::kRk4ThreeEighths;
  const std::vector<double> rule = ReferenceRollouts(model, initial, controls, 1, 7);
  EXPECT_GT(LargestDeviation(std::vector<float>(classic.begin(), classic.end()), rule,
                             Spread(rule, model.spec.state_size())),
            2e-4);
}

}  // namespace
}  // namespace rollout
