// The fused engine, with every instruction set, against the scalar float64 reference.
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

// Largest deviation from the reference in units of each dimension's spread.
double Deviation(const TransitionModel& model, int lanes, int horizon) {
  const std::vector<float> initial = RandomStates(model.spec, lanes, 1);
  const std::vector<float> controls = RandomControls(model.spec, lanes, horizon, 2);
  const std::vector<double> expected = ReferenceRollouts(model, initial, controls, lanes, horizon);
  const std::unique_ptr<Engine> engine = MakeFusedEngine(model);
  return LargestDeviation(Trajectories(*engine, model.spec, initial, controls, lanes, horizon),
                          expected, Spread(expected, model.spec.state_size()));
}

std::vector<SpecChoice> SupportedChoices() {
  std::vector<SpecChoice> choices;
  for (const SpecChoice& choice : EverySpecChoice()) {
    if (choice.kind == DynamicsKind::kHnnNonseparable ||
        choice.kind == DynamicsKind::kHnnCanonical ||
        choice.method == IntegratorMethod::kImplicitMidpoint ||
        choice.method == IntegratorMethod::kDopri5) {
      continue;
    }
    choices.push_back(choice);
  }
  return choices;
}

using Case = std::tuple<SpecChoice, int64_t>;

class FusedParityTest : public testing::TestWithParam<Case> {
 protected:
  SpecChoice choice_ = std::get<0>(GetParam());
  OnlyTarget only_{std::get<1>(GetParam())};
};

TEST_P(FusedParityTest, StaysWithinTheToleranceOver200TransitionsOf8Substeps) {
  choice_.hidden_sizes = {19, 34};  // neither a multiple of a vector
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice_), 7), 2, 200), 1e-4);
}

// Steps so coarse that methods of the same order, and p against v, part visibly; an ensemble; as
// many lanes as take every tile.
TEST_P(FusedParityTest, AgreesAtCoarseSteps) {
  choice_.transition_dt = 2.0;
  choice_.substeps = 2;
  choice_.ensemble_size = 3;
  for (int lanes : {1, 3, 15, 19}) {
    EXPECT_LE(Deviation(RandomModel(MakeSpec(choice_), 8), lanes, 5), 2e-5) << lanes << " lanes";
  }
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, FusedParityTest,
                         testing::Combine(testing::ValuesIn(SupportedChoices()),
                                          testing::ValuesIn(FusedTargets())),
                         [](const auto& info) {
                           return ChoiceName(std::get<0>(info.param)) + "_" +
                                  hwy::TargetName(std::get<1>(info.param));
                         });

class ShapeTest : public testing::TestWithParam<int64_t> {
 protected:
  OnlyTarget only_{GetParam()};
};

TEST_P(ShapeTest, TakesAnyDepthAndWidth) {
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
      for (int lanes : {1, 2, 9, 18}) {
        EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 4), lanes, 6), 2e-5)
            << Name(kind) << " of depth " << shape.size() << ", " << lanes << " lanes";
      }
    }
  }
}

TEST_P(ShapeTest, TakesEveryActivation) {
  for (Activation activation :
       {Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}) {
    for (DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
      SpecChoice choice;
      choice.kind = kind;
      choice.activation = activation;
      choice.hidden_sizes = {20, 70};
      for (int lanes : {1, 20}) {
        EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 5), lanes, 20), 2e-5)
            << Name(activation) << ", " << lanes << " lanes";
      }
    }
  }
}

TEST_P(ShapeTest, TakesModelsWithoutControls) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.num_controls = 0;
    for (int lanes : {1, 20}) {
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 6), lanes, 20), 2e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryTarget, ShapeTest, testing::ValuesIn(FusedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace rollout
