// The fused engine, with every instruction set, against the scalar float64 reference.
#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

// The largest deviation from the reference, in units of each dimension's spread, of any instruction
// set; each of `batches` is a number of lanes computed in one call, up to the first of them.
double Deviation(const TransitionModel& model, const std::vector<int>& batches, int horizon) {
  const int most = batches.front();
  const std::vector<float> initial = RandomStates(model.spec, most, 1);
  const std::vector<float> controls = RandomControls(model.spec, most, horizon, 2);
  const std::vector<double> expected = ReferenceRollouts(model, initial, controls, most, horizon);
  const std::vector<double> spread = Spread(expected, model.spec.state_size());
  double largest = 0.0;
  for (int64_t target : FusedTargets()) {
    const OnlyTarget only(target);
    const std::unique_ptr<Engine> engine = MakeFusedEngine(model);
    for (int lanes : batches) {
      const auto part = [&](const auto& all) {
        return std::decay_t<decltype(all)>(all.begin(), all.begin() + all.size() / most * lanes);
      };
      const double deviation = LargestDeviation(
          Trajectories(*engine, model.spec, part(initial), part(controls), lanes, horizon),
          part(expected), spread);
      largest = std::max(largest, deviation);
    }
  }
  return largest;
}

std::vector<SpecChoice> SupportedChoices() {
  std::vector<SpecChoice> choices;
  for (const SpecChoice& choice : EverySpecChoice()) {
    if (choice.kind == DynamicsKind::kHnnNonseparable ||
        choice.kind == DynamicsKind::kHnnCanonical || choice.kind == DynamicsKind::kNodeRecurrent ||
        choice.method == IntegratorMethod::kImplicitMidpoint ||
        choice.method == IntegratorMethod::kDopri5) {
      continue;
    }
    choices.push_back(choice);
  }
  return choices;
}

class FusedParityTest : public testing::TestWithParam<SpecChoice> {};

TEST_P(FusedParityTest, StaysWithinTheToleranceOver200TransitionsOf8Substeps) {
  SpecChoice choice = GetParam();
  choice.hidden_sizes = {13, 18};  // neither a multiple of a vector
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 7), {1}, 200), 1e-4);
}

// Steps so coarse that methods of the same order, and p against v, part visibly; an ensemble; as
// many lanes as take every tile.
TEST_P(FusedParityTest, AgreesAtCoarseSteps) {
  SpecChoice choice = GetParam();
  choice.transition_dt = 2.0;
  choice.substeps = 2;
  choice.ensemble_size = 3;
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 8), {19, 1, 3, 15}, 5), 5e-5);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, FusedParityTest,
                         testing::ValuesIn(SupportedChoices()),
                         [](const auto& info) { return ChoiceName(info.param); });

TEST(FusedShapeTest, TakesAnyDepthAndWidth) {
  const std::vector<std::vector<int>> shapes = {
      {}, {1}, {3, 2}, {16}, {17, 9}, {33, 48}, {65, 40, 7}, {130}, {9, 150, 9}, {5, 6, 7, 8, 9}};
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kMechanics, DynamicsKind::kHnn}) {
    for (const std::vector<int>& shape : shapes) {
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.method = IntegratorMethod::kEuler;
      choice.hidden_sizes = shape;
      choice.num_positions = 5;
      choice.angular_positions = {2, 3};
      choice.transition_dt = 0.1;
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 4), {18, 1, 2, 9}, 4), 2e-5)
          << Name(kind) << " of depth " << shape.size();
    }
  }
}

TEST(FusedShapeTest, TakesEveryActivation) {
  for (Activation activation :
       {Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}) {
    for (DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
      SpecChoice choice;
      choice.kind = kind;
      choice.method = IntegratorMethod::kEuler;
      choice.activation = activation;
      choice.hidden_sizes = {20, 70};
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 5), {20, 1}, 20), 5e-5) << Name(activation);
    }
  }
}

TEST(FusedShapeTest, TakesModelsWithoutControls) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.num_controls = 0;
    EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 6), {20, 1}, 20), 5e-5);
  }
}

}  // namespace
}  // namespace rollout
