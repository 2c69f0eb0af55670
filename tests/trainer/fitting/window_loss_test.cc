// The hand-written gradients against autograd, and autograd's against finite differences.
#include "trainer/fitting/window_loss.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/trainer/fitting/pendulum_data.h"
#include "trainer/fitting/fitter.h"

namespace rollout {
namespace {

struct Case {
  const char* name;
  DynamicsKind kind;
  IntegratorMethod method;
  std::vector<int> hidden;
  int members;
  int substeps;
  MassKind mass = MassKind::kLearned;  // of the kinds with one
  bool has_force = true;
  int batch = 7;
};

bool HasMass(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
         kind == DynamicsKind::kMechanics;
}

// Everything that a loss needs, made of a case.
struct Problem {
  FitData data = PendulumData(12, 40);
  DataStatistics statistics;
  TransitionModelSpec spec;
  std::unique_ptr<ModelParameters> parameters;
  std::vector<float> values;
  std::vector<WindowBatch> batches;
  int64_t transitions = 2;
};

void Make(const Case& c, Problem* problem) {
  ASSERT_OK_AND_ASSIGN(problem->statistics,
                       MeasureData(problem->data.training, problem->data.info));
  FitOptions options;
  options.name = "pendulum";
  options.dynamics = {.kind = c.kind, .hidden_sizes = c.hidden};
  if (c.kind == DynamicsKind::kNodeRecurrent) options.dynamics.memory_size = 6;
  if (HasMass(c.kind)) {
    options.dynamics.mass = c.mass;
    options.dynamics.has_force = c.has_force && c.kind != DynamicsKind::kMechanics;
  }
  options.integrator = {.method = c.method, .substeps = c.substeps};
  options.ensemble_size = c.members;
  ASSERT_OK_AND_ASSIGN(problem->spec,
                       MakeFitSpec(problem->data.info, problem->statistics, options));
  problem->parameters = std::make_unique<ModelParameters>(problem->spec, problem->statistics);
  problem->values = problem->parameters->Initialise(3);
  Random random(4);
  for (float& value : problem->values) value += 0.1f * static_cast<float>(random.Normal());
  ASSERT_OK_AND_ASSIGN(const TrainingSet set,
                       MakeTrainingSet(problem->data.training, problem->data.info, 3));
  for (int member = 0; member < c.members; ++member) {
    std::vector<int64_t> rows;
    for (int i = 0; i < c.batch; ++i) {
      rows.push_back(set.window_rows[random.UniformInteger(set.window_rows.size())]);
    }
    GatherWindows(set, rows, &problem->batches.emplace_back());
  }
}

class RecordedWindowLossTable : public ::testing::TestWithParam<Case> {};

// `tolerance`: of losses, and of gradients in units of the largest.
template <typename Real>
void ExpectAgrees(const Problem& problem, double tolerance, LossNorm norm = LossNorm::kL2) {
  const auto by_hand =
      MakeRecordedWindowLoss<Real>(*problem.parameters, InverseLossScale(problem.statistics),
                                   problem.transitions, problem.batches[0].size, norm);
  ASSERT_OK_AND_ASSIGN(
      const auto autograd,
      MakeAutogradWindowLoss<Real>(*problem.parameters, InverseLossScale(problem.statistics),
                                   problem.transitions, norm));
  const std::vector<Real> values(problem.values.begin(), problem.values.end());
  const size_t members = problem.batches.size();
  std::vector<double> losses(members), expected_losses(members);
  std::vector<Real> gradient(values.size(), 0), expected(gradient);
  // Twice: nothing is left over from one evaluation to the next.
  for (int time = 0; time < 2; ++time) {
    ASSERT_OK(by_hand->Evaluate(problem.batches, values, absl::MakeSpan(losses),
                                absl::MakeSpan(gradient)));
  }
  ASSERT_OK(autograd->Evaluate(problem.batches, values, absl::MakeSpan(expected_losses),
                               absl::MakeSpan(expected)));
  for (size_t member = 0; member < members; ++member) {
    EXPECT_GT(losses[member], 0.0);
    EXPECT_NEAR(losses[member], expected_losses[member], tolerance * expected_losses[member]);
  }
  // Each tensor by itself, so that a small one cannot hide behind a large one.
  for (size_t member = 0; member < members; ++member) {
    for (const LearnedTensor& tensor : problem.parameters->tensors()) {
      double largest = 0.0, worst = 0.0;
      const int64_t begin = member * problem.parameters->member_size() + tensor.offset;
      for (int64_t i = begin; i < begin + tensor.size; ++i) {
        largest = std::max<double>(largest, std::abs(expected[i]));
        worst = std::max<double>(worst, std::abs(gradient[i] - expected[i]));
      }
      EXPECT_LE(worst, tolerance * largest) << tensor.name << " of member " << member;
    }
  }
}

TEST_P(RecordedWindowLossTable, AgreesWithAutogradInFloat64) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(Make(GetParam(), &problem));
  ASSERT_TRUE(TakesRecordedWindowLoss(problem.spec));
  ExpectAgrees<double>(problem, 1e-10);
}

TEST_P(RecordedWindowLossTable, AgreesWithAutogradUnderL1) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(Make(GetParam(), &problem));
  ExpectAgrees<double>(problem, 1e-10, LossNorm::kL1);
}

TEST_P(RecordedWindowLossTable, AgreesWithAutogradInFloat32) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(Make(GetParam(), &problem));
  ExpectAgrees<float>(problem, 2e-4);
}

constexpr DynamicsKind kNode = DynamicsKind::kNode;
constexpr DynamicsKind kNodeSo = DynamicsKind::kNodeSo;
constexpr DynamicsKind kHnn = DynamicsKind::kHnn;
constexpr DynamicsKind kNonseparable = DynamicsKind::kHnnNonseparable;
constexpr DynamicsKind kMechanics = DynamicsKind::kMechanics;

INSTANTIATE_TEST_SUITE_P(
    All, RecordedWindowLossTable,
    ::testing::Values(
        Case{"Node", kNode, IntegratorMethod::kEuler, {16, 12}, 1, 8},
        Case{"NodeRk4", kNode, IntegratorMethod::kRk4, {16, 12}, 1, 2},
        Case{"NodeRk438", kNode, IntegratorMethod::kRk4ThreeEighths, {16, 12}, 1, 1},
        Case{"NodeSo", kNodeSo, IntegratorMethod::kConstantAcceleration, {16, 12}, 1, 8},
        Case{"NodeSoSymplecticEuler", kNodeSo, IntegratorMethod::kSymplecticEuler, {16}, 1, 5},
        Case{"NodeSoEuler", kNodeSo, IntegratorMethod::kEuler, {16}, 1, 3},
        Case{"NodeSoRk438", kNodeSo, IntegratorMethod::kRk4ThreeEighths, {16}, 1, 2},
        Case{"NodeSoLinear", kNodeSo, IntegratorMethod::kConstantAcceleration, {}, 1, 1},
        Case{"NodeSoEnsemble", kNodeSo, IntegratorMethod::kConstantAcceleration, {8, 8}, 3, 2},
        // Blocks of lanes, the last one short of two.
        Case{"NodeInBlocks",
             kNode,
             IntegratorMethod::kRk4ThreeEighths,
             {16, 12},
             1,
             1,
             MassKind::kNone,
             false,
             85},
        Case{"HnnInBlocks",
             kHnn,
             IntegratorMethod::kRk4ThreeEighths,
             {16, 12},
             1,
             1,
             MassKind::kLearned,
             false,
             85},
        Case{"HnnWithUnitMassConstantAcceleration",
             kHnn,
             IntegratorMethod::kConstantAcceleration,
             {16, 12},
             1,
             3,
             MassKind::kIdentity},
        Case{"MechanicsWithUnitMassSymplecticEuler",
             kMechanics,
             IntegratorMethod::kSymplecticEuler,
             {16, 12},
             1,
             3,
             MassKind::kIdentity},
        Case{"Hnn", kHnn, IntegratorMethod::kEuler, {16, 12}, 1, 8},
        Case{"HnnWithoutForce",
             kHnn,
             IntegratorMethod::kEuler,
             {16, 12},
             1,
             2,
             MassKind::kLearned,
             false},
        Case{
            "HnnWithUnitMass", kHnn, IntegratorMethod::kEuler, {16, 12}, 1, 3, MassKind::kIdentity},
        Case{"HnnRk4", kHnn, IntegratorMethod::kRk4, {16, 12}, 1, 2},
        Case{"HnnRk438", kHnn, IntegratorMethod::kRk4ThreeEighths, {9}, 1, 1},
        Case{"HnnLinear", kHnn, IntegratorMethod::kEuler, {}, 1, 2},
        Case{"HnnDeep", kHnn, IntegratorMethod::kEuler, {5, 6, 7}, 1, 2},
        Case{"HnnEnsemble", kHnn, IntegratorMethod::kEuler, {8, 8}, 3, 2},
        Case{"Nonseparable", kNonseparable, IntegratorMethod::kEuler, {16, 12}, 1, 4},
        Case{"NonseparableWithoutForce",
             kNonseparable,
             IntegratorMethod::kRk4,
             {16, 12},
             1,
             1,
             MassKind::kLearned,
             false},
        Case{"NonseparableWithUnitMass",
             kNonseparable,
             IntegratorMethod::kEuler,
             {16, 12},
             1,
             2,
             MassKind::kIdentity},
        Case{"Mechanics", kMechanics, IntegratorMethod::kEuler, {16, 12}, 1, 4},
        Case{"MechanicsRk4", kMechanics, IntegratorMethod::kRk4, {16, 12}, 1, 2},
        Case{"MechanicsWithUnitMass",
             kMechanics,
             IntegratorMethod::kEuler,
             {16, 12},
             2,
             2,
             MassKind::kIdentity}),
    [](const auto& info) { return info.param.name; });

// A Hamiltonian kind, whose scalings are folded inside the loss: the gradient predicts how the loss
// changes along a random direction.
TEST(AutogradWindowLoss, GradientPredictsTheLoss) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(
      Make({"Hnn", DynamicsKind::kHnn, IntegratorMethod::kEuler, {8, 8}, 2, 4}, &problem));
  ASSERT_OK_AND_ASSIGN(
      const auto loss,
      MakeAutogradWindowLoss<float>(*problem.parameters, InverseLossScale(problem.statistics),
                                    problem.transitions));
  std::vector<double> losses(2), above(2), below(2);
  std::vector<float> gradient(problem.values.size()), unused(gradient);
  ASSERT_OK(loss->Evaluate(problem.batches, problem.values, absl::MakeSpan(losses),
                           absl::MakeSpan(gradient)));
  double norm = 0.0;
  for (const float g : gradient) norm += static_cast<double>(g) * g;
  norm = std::sqrt(norm);
  const float step = static_cast<float>(1e-2 / norm);
  std::vector<float> up = problem.values, down = problem.values;
  for (size_t i = 0; i < gradient.size(); ++i) {
    up[i] += step * gradient[i];
    down[i] -= step * gradient[i];
  }
  ASSERT_OK(loss->Evaluate(problem.batches, up, absl::MakeSpan(above), absl::MakeSpan(unused)));
  ASSERT_OK(loss->Evaluate(problem.batches, down, absl::MakeSpan(below), absl::MakeSpan(unused)));
  const double difference = (above[0] + above[1] - below[0] - below[1]) / 2;
  EXPECT_NEAR(difference / (step * norm * norm), 1.0, 0.02);
}

// What autograd alone computes, in float64: the gradient's part along a random direction beside
// central differences.
struct AutogradCase {
  const char* name;
  DynamicsKind kind;
  LossNorm norm;
  double symplectic_weight;
};

class AutogradWindowLossTable : public ::testing::TestWithParam<AutogradCase> {};

TEST_P(AutogradWindowLossTable, GradientIsThatOfFiniteDifferences) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(
      Make({GetParam().name, GetParam().kind, IntegratorMethod::kRk4, {8, 7}, 2, 1}, &problem));
  ASSERT_OK_AND_ASSIGN(const auto loss,
                       MakeAutogradWindowLoss<double>(
                           *problem.parameters, InverseLossScale(problem.statistics),
                           problem.transitions, GetParam().norm, GetParam().symplectic_weight));
  const std::vector<double> values(problem.values.begin(), problem.values.end());
  std::vector<double> losses(2), gradient(values.size()), unused(gradient);
  const auto total = [&](const std::vector<double>& at, std::vector<double>* by) {
    EXPECT_OK(loss->Evaluate(problem.batches, at, absl::MakeSpan(losses), absl::MakeSpan(*by)));
    return losses[0] + losses[1];
  };
  total(values, &gradient);
  Random random(9);
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<double> up = values, down = values;
    double expected = 0.0;
    constexpr double kStep = 1e-6;
    for (size_t i = 0; i < values.size(); ++i) {
      const double direction = random.Normal();
      expected += gradient[i] * direction;
      up[i] += kStep * direction;
      down[i] -= kStep * direction;
    }
    const double difference = (total(up, &unused) - total(down, &unused)) / (2.0 * kStep);
    EXPECT_NEAR(difference, expected, 1e-6 * (1.0 + std::abs(expected)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AutogradWindowLossTable,
    ::testing::Values(AutogradCase{"Recurrent", DynamicsKind::kNodeRecurrent, LossNorm::kL2, 0.0},
                      AutogradCase{"RecurrentL1", DynamicsKind::kNodeRecurrent, LossNorm::kL1, 0.0},
                      AutogradCase{"Mechanics", kMechanics, LossNorm::kL2, 0.0},
                      AutogradCase{"MechanicsL1", kMechanics, LossNorm::kL1, 0.0},
                      AutogradCase{"Regularised", kMechanics, LossNorm::kL2, 0.3},
                      AutogradCase{"RegularisedL1", kMechanics, LossNorm::kL1, 30.0}),
    [](const auto& info) { return info.param.name; });

TEST(AutogradWindowLoss, TheRegulariserAddsTheAsymmetryOfTheField) {
  Problem problem;
  ASSERT_NO_FATAL_FAILURE(
      Make({"Regularised", kMechanics, IntegratorMethod::kRk4, {8}, 1, 1}, &problem));
  const std::vector<double> values(problem.values.begin(), problem.values.end());
  std::vector<double> gradient(values.size()), losses(1);
  double found[3];
  const double weights[] = {0.0, 1.0, 3.0};
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(
        const auto loss,
        MakeAutogradWindowLoss<double>(*problem.parameters, InverseLossScale(problem.statistics),
                                       problem.transitions, LossNorm::kL2, weights[i]));
    ASSERT_OK(
        loss->Evaluate(problem.batches, values, absl::MakeSpan(losses), absl::MakeSpan(gradient)));
    found[i] = losses[0];
  }
  EXPECT_GT(found[1], found[0]);
  EXPECT_NEAR(found[2] - found[0], 3.0 * (found[1] - found[0]), 1e-9 * found[2]);
}

}  // namespace
}  // namespace rollout
