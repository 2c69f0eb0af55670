// The torch engine's gradients, in float64, against finite differences of the scalar reference.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/linearize.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/models/engines/gradient_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Engine> ExactEngine(const TransitionModel& model) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat64);
  EXPECT_OK(engine.status());
  return engine.ok() ? *std::move(engine) : nullptr;
}

std::vector<float> Slice(const std::vector<float>& all, int lanes, int lane) {
  const size_t size = all.size() / lanes;
  return {all.begin() + size * lane, all.begin() + size * (lane + 1)};
}

class TorchGradientTest : public testing::TestWithParam<SpecChoice> {};

TEST_P(TorchGradientTest, OfCotangentsAgreesWithFiniteDifferences) {
  SpecChoice choice = GetParam();
  choice.hidden_sizes = {8, 7};
  choice.transition_dt = 0.4;
  choice.substeps = 2;
  choice.ensemble_size = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  if (choice.method == IntegratorMethod::kDopri5) {  // the reference is exact then
    spec.integrator.rtol = 1e-9;
    spec.integrator.atol = 1e-11;
  }
  const TransitionModel model = RandomModel(spec, 8);
  constexpr int kLanes = 2, kHorizon = 3;
  const std::vector<float> initial = Quantised(RandomStates(spec, kLanes, 1));
  const std::vector<float> controls = Quantised(RandomControls(spec, kLanes, kHorizon, 2));
  const std::vector<float> cotangents = RandomStates(spec, kLanes * (kHorizon + 1), 3);
  const auto engine = ExactEngine(model);
  GradientJob job;
  job.lanes = kLanes;
  job.horizon = kHorizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory_cotangents = cotangents;
  const EngineGradient gradient = GradientOf(*engine, spec, job);
  const int lane = 1;
  const LaneGradient expected =
      FiniteDifferences(CotangentValue(model, Slice(cotangents, kLanes, lane)),
                        Slice(initial, kLanes, lane), Slice(controls, kLanes, lane));
  EXPECT_LE(RelativeDeviation(Slice(gradient.initial_state, kLanes, lane), expected.initial_state),
            1e-6);
  EXPECT_LE(RelativeDeviation(Slice(gradient.controls, kLanes, lane), expected.controls), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, TorchGradientTest,
                         testing::ValuesIn(EverySpecChoice()),
                         [](const auto& info) { return ChoiceName(info.param); });

// A hopper of random weights, upright at first: some lanes end before the horizon.
TransitionModel Hopper(int ensemble_size) {
  SpecChoice choice;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.ensemble_size = ensemble_size;
  choice.transition_dt = 0.1;
  choice.substeps = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.reward = spec.termination = "hopper_v5";
  return RandomModel(spec, 5);
}

// Three lanes of a hopper: gradients of the return by the reward or by `cost`, with and without an
// end before the horizon.
void ExpectReturnGradients(const DiagonalCost* cost) {
  const TransitionModel model = Hopper(2);
  constexpr int kLanes = 3, kHorizon = 6;
  constexpr float kTurns[kLanes] = {0.0f, 0.6f, 1.0f};
  std::vector<float> initial = RandomStates(model.spec, kLanes, 1);
  for (int lane = 0; lane < kLanes; ++lane) {
    float* state = &initial[lane * 12];
    state[1] = 1.25f;
    state[2] = 0.05f;
    // Turns over sooner or later, and nowhere as near to it as the differences reach.
    state[8] = kTurns[lane];
  }
  initial = Quantised(initial);
  const std::vector<float> controls = Quantised(RandomControls(model.spec, kLanes, kHorizon, 2));
  GradientJob job;
  job.lanes = kLanes;
  job.horizon = kHorizon;
  job.initial_states = initial;
  job.controls = controls;
  job.of_return = true;
  job.discount = 0.9;
  job.cost = cost;
  const auto engine = ExactEngine(model);
  const EngineGradient gradient = GradientOf(*engine, model.spec, job);
  int ended = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const LaneValue value = ReturnValue(model, job.discount, cost);
    const std::vector<float> state = Slice(initial, kLanes, lane);
    const std::vector<float> control = Slice(controls, kLanes, lane);
    EXPECT_NEAR(gradient.total_return[lane], value(state, control), 1e-5);
    const LaneGradient expected = FiniteDifferences(value, state, control);
    EXPECT_LE(
        RelativeDeviation(Slice(gradient.initial_state, kLanes, lane), expected.initial_state),
        1e-5)
        << lane;
    const std::vector<float> by_controls = Slice(gradient.controls, kLanes, lane);
    EXPECT_LE(RelativeDeviation(by_controls, expected.controls), 1e-5);
    if (by_controls.back() == 0.0f) ++ended;
  }
  EXPECT_GT(ended, 0);
  EXPECT_LT(ended, kLanes);
}

TEST(TorchReturnGradientTest, StopsAtTheTermination) { ExpectReturnGradients(nullptr); }

TEST(TorchReturnGradientTest, OfACostHasEveryTerm) {
  std::vector<float> state(12), terminal(12), reference(7 * 12);
  for (int i = 0; i < 12; ++i) {
    state[i] = 0.1f * static_cast<float>(i);
    terminal[i] = 1.0f - state[i];
  }
  for (size_t i = 0; i < reference.size(); ++i) reference[i] = std::sin(static_cast<float>(i));
  const std::vector<float> control = {0.5f, 0.0f, 2.0f}, change = {1.0f, 3.0f, 0.0f};
  const std::vector<float> last = {0.25f, -0.5f, 0.0f};
  const DiagonalCost cost = {.state = state,
                             .control = control,
                             .control_change = change,
                             .terminal = terminal,
                             .reference = reference,
                             .last_control = last,
                             .add_reward = true};
  ExpectReturnGradients(&cost);
}

TEST(TorchReturnGradientTest, ASharedInitialStateGetsTheSumOverLanes) {
  const TransitionModel model = Hopper(1);
  constexpr int kLanes = 3, kHorizon = 2;
  const std::vector<float> one = RandomStates(model.spec, 1, 1);
  std::vector<float> copies;
  for (int lane = 0; lane < kLanes; ++lane) copies.insert(copies.end(), one.begin(), one.end());
  const std::vector<float> controls = RandomControls(model.spec, kLanes, kHorizon, 2);
  const std::vector<float> cotangents = RandomStates(model.spec, kLanes, 3);
  GradientJob job;
  job.lanes = kLanes;
  job.horizon = kHorizon;
  job.initial_states = one;
  job.controls = controls;
  job.final_state_cotangents = cotangents;
  const auto engine = ExactEngine(model);
  const EngineGradient shared = GradientOf(*engine, model.spec, job);
  job.initial_states = copies;
  const EngineGradient own = GradientOf(*engine, model.spec, job);
  EXPECT_EQ(shared.controls, own.controls);
  for (size_t i = 0; i < one.size(); ++i) {
    float sum = 0.0f;
    for (int lane = 0; lane < kLanes; ++lane) sum += own.initial_state[lane * one.size() + i];
    EXPECT_NEAR(shared.initial_state[i], sum, 1e-5f);
  }
}

TEST(TorchReturnGradientTest, ADivergingLaneHasNoGradientAndLeavesItsNeighboursAlone) {
  const TransitionModel model = Hopper(1);
  constexpr int kLanes = 2, kHorizon = 3;
  std::vector<float> initial = RandomStates(model.spec, kLanes, 1);
  initial[0] = std::numeric_limits<float>::max();
  initial[6] = std::numeric_limits<float>::max();
  const std::vector<float> controls = RandomControls(model.spec, kLanes, kHorizon, 2);
  const std::vector<float> cotangents(kLanes * 12, 1.0f);
  std::vector<int32_t> non_finite(kLanes);
  GradientJob job;
  job.lanes = kLanes;
  job.horizon = kHorizon;
  job.initial_states = initial;
  job.controls = controls;
  job.final_state_cotangents = cotangents;
  job.first_non_finite_step = absl::MakeSpan(non_finite);
  const EngineGradient gradient = GradientOf(*ExactEngine(model), model.spec, job);
  EXPECT_LE(non_finite[0], kHorizon);
  EXPECT_EQ(non_finite[1], kHorizon + 1);
  for (float value : Slice(gradient.controls, kLanes, 0)) EXPECT_TRUE(std::isnan(value));
  for (float value : Slice(gradient.controls, kLanes, 1)) EXPECT_TRUE(std::isfinite(value));
  for (float value : Slice(gradient.initial_state, kLanes, 1)) EXPECT_TRUE(std::isfinite(value));
}

TEST(TorchReturnGradientTest, RefusesWhatItCannotDifferentiate) {
  const TransitionModel model = Hopper(1);
  const auto engine = ExactEngine(model);
  const std::vector<float> initial(12), controls(6), cotangents(24);
  GradientJob job;
  job.lanes = 1;
  job.horizon = 2;
  job.initial_states = initial;
  job.controls = controls;
  EXPECT_THAT(std::string(engine->Gradient({job}).message()),
              HasSubstr("nothing to differentiate"));
  job.trajectory_cotangents = cotangents;
  EXPECT_THAT(std::string(engine->Gradient({job}).message()),
              HasSubstr("trajectory_cotangents holds 24 numbers"));
  job.trajectory_cotangents = {};
  job.of_return = true;
  job.discount = 0.0;
  EXPECT_THAT(std::string(engine->Gradient({job}).message()), HasSubstr("discount 0"));
}

TEST(LinearizeTest, AgreesWithFiniteDifferencesOfOneTransition) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.has_force = true;
  choice.transition_dt = 0.4;
  const TransitionModel model = RandomModel(MakeSpec(choice), 3);
  constexpr int kHorizon = 3, kState = 6, kControls = 2;
  const std::vector<float> initial = RandomStates(model.spec, 1, 1);
  const std::vector<float> controls = Quantised(RandomControls(model.spec, 1, kHorizon, 2));
  std::vector<float> trajectory((kHorizon + 1) * kState), a(kHorizon * kState * kState),
      b(kHorizon * kState * kControls);
  LinearizeJob job;
  job.horizon = kHorizon;
  job.initial_state = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  job.state_jacobians = absl::MakeSpan(a);
  job.control_jacobians = absl::MakeSpan(b);
  ASSERT_OK(Linearize(*ExactEngine(model), model.spec, job));
  for (int step = 0; step < kHorizon; ++step) {
    const auto part = [step](const std::vector<float>& all, int size) {
      return std::vector<float>(all.begin() + step * size, all.begin() + (step + 1) * size);
    };
    for (int row = 0; row < kState; ++row) {
      std::vector<float> cotangents(2 * kState);
      cotangents[kState + row] = 1.0f;
      const LaneGradient expected = FiniteDifferences(
          CotangentValue(model, cotangents), part(trajectory, kState), part(controls, kControls));
      for (int k = 0; k < kState; ++k) {
        EXPECT_NEAR(part(a, kState * kState)[row * kState + k], expected.initial_state[k], 1e-4);
      }
      for (int k = 0; k < kControls; ++k) {
        EXPECT_NEAR(part(b, kState * kControls)[row * kControls + k], expected.controls[k], 1e-4);
      }
    }
  }
}

// Its memory is no part of the state, so that no A and B belong to a transition.
TEST(LinearizeTest, RefusesAModelThatRemembers) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeRecurrent;
  const TransitionModel model = RandomModel(MakeSpec(choice), 3);
  const int state = model.spec.state_size(), nu = model.spec.num_controls;
  const std::vector<float> initial = RandomStates(model.spec, 1, 1);
  const std::vector<float> controls = RandomControls(model.spec, 1, 1, 2);
  std::vector<float> trajectory(2 * state), a(state * state), b(state * nu);
  LinearizeJob job;
  job.horizon = 1;
  job.initial_state = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  job.state_jacobians = absl::MakeSpan(a);
  job.control_jacobians = absl::MakeSpan(b);
  EXPECT_THAT(Linearize(*ExactEngine(model), model.spec, job),
              StatusIs(absl::StatusCode::kUnimplemented, testing::HasSubstr("memory")));
}

}  // namespace
}  // namespace rollout
