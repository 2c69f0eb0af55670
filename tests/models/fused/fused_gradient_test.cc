// The fused engine's gradients, with every instruction set, against torch in float64.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/models/engines/gradient_reference.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

std::vector<double> Exact(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// Gradients of cotangents . trajectories.
struct Problem {
  Problem(const TransitionModelSpec& spec, int most, int horizon)
      : horizon(horizon),
        lanes(most),
        initial(RandomStates(spec, most, 1)),
        controls(RandomControls(spec, most, horizon, 2)),
        cotangents(RandomStates(spec, most * (horizon + 1), 3)) {}

  // The first lanes of the problem.
  GradientJob Job(int count) const {
    const auto part = [&](const std::vector<float>& all) {
      return absl::MakeConstSpan(all).first(all.size() / lanes * count);
    };
    GradientJob job;
    job.lanes = count;
    job.horizon = horizon;
    job.initial_states = part(initial);
    job.controls = part(controls);
    job.trajectory_cotangents = part(cotangents);
    return job;
  }

  int horizon, lanes;
  std::vector<float> initial, controls, cotangents;
};

std::vector<double> FirstOf(const std::vector<double>& all, size_t size) {
  return {all.begin(), all.begin() + static_cast<ptrdiff_t>(size)};
}

// The largest deviation of any instruction set from torch in float64, in units of the largest
// number of each gradient; each of `batches` is a number of lanes computed in one call, up to the
// first of them.
double Deviation(const TransitionModel& model, const std::vector<int>& batches, int horizon) {
  const Problem problem(model.spec, batches.front(), horizon);
  auto torch = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat64);
  EXPECT_OK(torch.status());
  if (!torch.ok()) return std::numeric_limits<double>::infinity();
  const EngineGradient expected = GradientOf(**torch, model.spec, problem.Job(batches.front()));
  const std::vector<double> by_controls = Exact(expected.controls);
  const std::vector<double> by_initial = Exact(expected.initial_state);
  double largest = 0.0;
  for (int64_t target : FusedTargets()) {
    const OnlyTarget only(target);
    const std::unique_ptr<Engine> engine = MakeFusedEngine(model);
    for (int lanes : batches) {
      const EngineGradient actual = GradientOf(*engine, model.spec, problem.Job(lanes));
      largest = std::max(
          {largest,
           RelativeDeviation(actual.controls, FirstOf(by_controls, actual.controls.size())),
           RelativeDeviation(actual.initial_state,
                             FirstOf(by_initial, actual.initial_state.size()))});
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

class FusedGradientTest : public testing::TestWithParam<SpecChoice> {};

// Steps so coarse that methods of the same order part visibly; an ensemble; as many lanes as take
// every tile.
TEST_P(FusedGradientTest, AgreesWithTorchInFloat64) {
  SpecChoice choice = GetParam();
  choice.hidden_sizes = {13, 18};  // neither a multiple of a vector
  choice.transition_dt = 0.5;
  choice.substeps = 3;
  choice.ensemble_size = 2;
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 8), {45, 1, 2, 3, 7, 15}, 4), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, FusedGradientTest,
                         testing::ValuesIn(SupportedChoices()),
                         [](const auto& info) { return ChoiceName(info.param); });

TEST(FusedGradientShapeTest, TakesAnyDepthAndWidth) {
  const std::vector<std::vector<int>> shapes = {{}, {1}, {17, 9}, {65, 40, 7}, {5, 6, 7, 8}};
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    for (const std::vector<int>& shape : shapes) {
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.method = IntegratorMethod::kEuler;
      choice.hidden_sizes = shape;
      choice.num_positions = 5;
      choice.angular_positions = {2, 3};
      choice.transition_dt = 0.2;
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 4), {18, 1, 9}, 3), 2e-5)
          << Name(kind) << " of depth " << shape.size();
    }
  }
}

TEST(FusedGradientShapeTest, TakesEveryActivation) {
  for (Activation activation :
       {Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}) {
    for (DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.activation = activation;
      choice.hidden_sizes = {20, 30};
      choice.transition_dt = 0.2;
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 5), {17, 1}, 3), 2e-5)
          << Name(kind) << " " << Name(activation);
    }
  }
}

TEST(FusedGradientShapeTest, TakesModelsWithoutControls) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.num_controls = 0;
    EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 6), {18, 1}, 5), 2e-5);
  }
}

// 84 MB of records are more than are kept at once.
TEST(FusedGradientStretchTest, WalksBackLongHorizonsInStretches) {
  SpecChoice choice;
  choice.hidden_sizes = {256};
  choice.substeps = 32;
  choice.transition_dt = 0.1;
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 7), {32}, 20), 1e-4);
}

class FusedGradientBitsTest : public testing::TestWithParam<int64_t> {
 protected:
  OnlyTarget only_{GetParam()};
};

TEST_P(FusedGradientBitsTest, ALaneHasTheSameBitsInAnyBatchAndAtAnyThreadCount) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.has_force = kind == DynamicsKind::kHnn;
    choice.num_positions = 5;
    choice.angular_positions = {1, 3};
    choice.ignored_positions = {0};
    choice.hidden_sizes = {80, 37, 21};  // 1, 2 and 4 partial sums
    choice.transition_dt = 0.05;
    choice.substeps = 3;
    const TransitionModel model = RandomModel(MakeSpec(choice), 11);
    const Problem problem(model.spec, 71, 2);
    const auto one_thread = MakeFusedEngine(model);
    const EngineGradient expected = GradientOf(*one_thread, model.spec, problem.Job(71));
    for (int threads : {1, 2, 3}) {
      const auto engine = MakeFusedEngine(model, threads);
      for (int lanes : {1, 2, 5, 9, 16, 17, 33, 71}) {
        const EngineGradient actual = GradientOf(*engine, model.spec, problem.Job(lanes));
        EXPECT_EQ(0, std::memcmp(actual.controls.data(), expected.controls.data(),
                                 actual.controls.size() * sizeof(float)))
            << Name(kind) << ", " << lanes << " lanes, " << threads << " threads";
        EXPECT_EQ(0, std::memcmp(actual.initial_state.data(), expected.initial_state.data(),
                                 actual.initial_state.size() * sizeof(float)));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryTarget, FusedGradientBitsTest, testing::ValuesIn(FusedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

// Return, termination, shared initial state, and a lane that is not finite beside others.
TEST(FusedReturnGradientTest, AgreesWithTorch) {
  SpecChoice choice;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.ensemble_size = 2;
  choice.transition_dt = 0.1;
  choice.substeps = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.reward = spec.termination = "hopper_v5";
  const TransitionModel model = RandomModel(spec, 5);
  constexpr int kLanes = 20, kHorizon = 6;
  std::vector<float> initial = RandomStates(spec, kLanes, 1);
  for (int lane = 0; lane < kLanes; ++lane) {
    initial[lane * 12 + 1] = 1.25f;
    initial[lane * 12 + 2] = 0.05f;
    initial[lane * 12 + 8] = 0.15f * static_cast<float>(lane);  // turns over sooner or later
  }
  const std::vector<float> controls = RandomControls(spec, kLanes, kHorizon, 2);
  const std::vector<float> weights(12, 0.3f), change(3, 0.5f);
  DiagonalCost cost;
  cost.state = weights;
  cost.control_change = change;
  cost.add_reward = true;
  auto torch = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat64);
  ASSERT_OK(torch.status());
  const auto fused = MakeFusedEngine(model);
  for (const DiagonalCost* use : std::vector<const DiagonalCost*>{nullptr, &cost}) {
    for (bool shared : {false, true}) {
      GradientJob job;
      job.lanes = kLanes;
      job.horizon = kHorizon;
      job.initial_states = initial;
      if (shared) job.initial_states = absl::MakeConstSpan(initial).first(12);
      job.controls = controls;
      job.of_return = true;
      job.discount = 0.95;
      job.cost = use;
      const EngineGradient expected = GradientOf(**torch, spec, job);
      const EngineGradient actual = GradientOf(*fused, spec, job);
      EXPECT_LE(RelativeDeviation(actual.controls, Exact(expected.controls)), 2e-5);
      EXPECT_LE(RelativeDeviation(actual.initial_state, Exact(expected.initial_state)), 2e-5);
      EXPECT_LE(RelativeDeviation(actual.total_return, Exact(expected.total_return)), 2e-5);
    }
  }
}

TEST(FusedReturnGradientTest, ADivergingLaneHasNoGradientAndLeavesItsNeighboursAlone) {
  SpecChoice choice;
  const TransitionModel model = RandomModel(MakeSpec(choice), 5);
  const Problem problem(model.spec, 20, 3);
  const auto engine = MakeFusedEngine(model);
  const EngineGradient before = GradientOf(*engine, model.spec, problem.Job(20));
  Problem damaged = problem;
  damaged.initial[7 * 6] = damaged.initial[7 * 6 + 3] = std::numeric_limits<float>::max();
  std::vector<int32_t> non_finite(20);
  GradientJob job = damaged.Job(20);
  job.first_non_finite_step = absl::MakeSpan(non_finite);
  const EngineGradient after = GradientOf(*engine, model.spec, job);
  const size_t size = 3 * 2;  // of one lane's controls
  for (int lane = 0; lane < 20; ++lane) {
    EXPECT_EQ(non_finite[lane] <= 3, lane == 7);
    for (size_t i = lane * size; i < (lane + 1) * size; ++i) {
      if (lane == 7) {
        EXPECT_TRUE(std::isnan(after.controls[i]));
      } else {
        EXPECT_EQ(after.controls[i], before.controls[i]);
      }
    }
  }
}

}  // namespace
}  // namespace rollout
