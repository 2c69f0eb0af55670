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
        choice.kind == DynamicsKind::kHnnCanonical ||
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

}  // namespace
}  // namespace rollout
