// What the fused engine reports besides trajectories, what it refuses, and that it stops.
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/rewards/reward.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A model of Hopper's sizes with Hopper's reward, whose lanes fall at different times.
TransitionModel HopperModel(int ensemble_size) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kConstantAcceleration;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.ensemble_size = ensemble_size;
  choice.transition_dt = 0.02;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.reward = "hopper_v5";
  spec.termination = "hopper_v5";
  return RandomModel(spec, 5);
}

// Standing, as Hopper does at the start.
std::vector<float> StandingStates(const TransitionModelSpec& spec, int lanes) {
  std::vector<float> states = RandomStates(spec, lanes, 1);
  for (int lane = 0; lane < lanes; ++lane) {
    states[lane * spec.state_size() + 1] = 1.25f;
    states[lane * spec.state_size() + 2] *= 0.2f;
  }
  return states;
}

struct Scores {
  std::vector<float> trajectory, final_state, total_return, rewards;
  std::vector<int32_t> terminated_step, first_non_finite_step;
};

Scores Score(Engine& engine, const TransitionModelSpec& spec, const std::vector<float>& initial,
             const std::vector<float>& controls, int lanes, int horizon) {
  Scores scores;
  scores.trajectory.resize(lanes * (horizon + 1) * spec.state_size());
  scores.final_state.resize(lanes * spec.state_size());
  scores.total_return.resize(lanes);
  scores.rewards.resize(lanes * horizon);
  scores.terminated_step.resize(lanes);
  scores.first_non_finite_step.resize(lanes);
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(scores.trajectory);
  job.final_state = absl::MakeSpan(scores.final_state);
  job.total_return = absl::MakeSpan(scores.total_return);
  job.rewards = absl::MakeSpan(scores.rewards);
  job.terminated_step = absl::MakeSpan(scores.terminated_step);
  job.first_non_finite_step = absl::MakeSpan(scores.first_non_finite_step);
  EXPECT_THAT(engine.Rollout({job}), IsOk());
  return scores;
}

TEST(FusedEngineTest, SumsTheNamedRewardUpToTheFirstTermination) {
  constexpr int kLanes = 37;
  constexpr int kHorizon = 60;
  const TransitionModel model = HopperModel(1);
  const TransitionModelSpec& spec = model.spec;
  const std::vector<float> initial = StandingStates(spec, kLanes);
  const std::vector<float> controls = RandomControls(spec, kLanes, kHorizon, 2);
  const auto engine = MakeFusedEngine(model, 2);
  const Scores scores = Score(*engine, spec, initial, controls, kLanes, kHorizon);

  const auto reward = FindReward(spec.reward, 6, 3);
  const auto termination = FindTermination(spec.termination, 6, 3);
  ASSERT_THAT(reward, IsOk());
  ASSERT_THAT(termination, IsOk());
  int terminated_lanes = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* states = &scores.trajectory[lane * (kHorizon + 1) * 12];
    double expected = 0.0;
    int terminated = kHorizon + 1;
    for (int t = 0; t < kHorizon; ++t) {
      const std::vector<double> z(states + t * 12, states + (t + 1) * 12);
      const std::vector<double> next(states + (t + 1) * 12, states + (t + 2) * 12);
      const float* u = &controls[(lane * kHorizon + t) * 3];
      const std::vector<double> control(u, u + 3);
      const TransitionView transition{z, control, next, spec.transition_dt};
      const double step_reward = terminated <= kHorizon ? 0.0 : (*reward)(transition);
      EXPECT_FLOAT_EQ(scores.rewards[lane * kHorizon + t], static_cast<float>(step_reward));
      expected += step_reward;
      if (terminated > kHorizon && (*termination)(transition)) terminated = t + 1;
    }
    EXPECT_FLOAT_EQ(scores.total_return[lane], static_cast<float>(expected));
    EXPECT_EQ(scores.terminated_step[lane], terminated);
    EXPECT_EQ(scores.first_non_finite_step[lane], kHorizon + 1);
    terminated_lanes += terminated <= kHorizon ? 1 : 0;
    for (int d = 0; d < 12; ++d) {
      EXPECT_EQ(scores.final_state[lane * 12 + d], states[kHorizon * 12 + d]);
    }
  }
  EXPECT_GT(terminated_lanes, 0);  // or nothing was tested
  EXPECT_LT(terminated_lanes, kLanes);
}

TEST(FusedEngineTest, ReportsTheMeanOfAnEnsemblesMembers) {
  constexpr int kLanes = 5;
  constexpr int kHorizon = 20;
  constexpr int kMembers = 3;
  const TransitionModel ensemble = HopperModel(kMembers);
  const std::vector<float> initial = StandingStates(ensemble.spec, kLanes);
  const std::vector<float> controls = RandomControls(ensemble.spec, kLanes, kHorizon, 2);
  const auto engine = MakeFusedEngine(ensemble);
  const Scores together = Score(*engine, ensemble.spec, initial, controls, kLanes, kHorizon);

  std::vector<double> states(together.trajectory.size());
  std::vector<double> returns(kLanes);
  std::vector<int32_t> terminated(kLanes, kHorizon + 1);
  for (int member = 0; member < kMembers; ++member) {
    TransitionModel alone = ensemble;
    alone.spec.ensemble_size = 1;
    for (NamedTensor& tensor : alone.weights) {
      if (tensor.shape[0] != kMembers || tensor.shape.size() < 2) continue;  // a normaliser
      const size_t size = tensor.data.size() / kMembers;
      tensor.data = std::vector<float>(tensor.data.begin() + member * size,
                                       tensor.data.begin() + (member + 1) * size);
      tensor.shape[0] = 1;
    }
    const auto member_engine = MakeFusedEngine(alone);
    const Scores scores = Score(*member_engine, alone.spec, initial, controls, kLanes, kHorizon);
    for (size_t i = 0; i < states.size(); ++i) states[i] += scores.trajectory[i] / 3.0;
    for (int lane = 0; lane < kLanes; ++lane) {
      returns[lane] += scores.total_return[lane] / 3.0;
      terminated[lane] = std::min(terminated[lane], scores.terminated_step[lane]);
    }
  }
  for (size_t i = 0; i < states.size(); ++i) {
    EXPECT_NEAR(together.trajectory[i], states[i], 1e-6 * std::max(1.0, std::abs(states[i])));
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    EXPECT_NEAR(together.total_return[lane], returns[lane], 1e-5 * std::abs(returns[lane]));
    EXPECT_EQ(together.terminated_step[lane], terminated[lane]);
  }
}

TEST(FusedEngineTest, ALaneThatDivergesBeforeItTerminatesHasNoReturn) {
  TransitionModel model = HopperModel(1);
  model.spec.termination.clear();
  for (NamedTensor& tensor : model.weights) {
    if (tensor.name == "output.std") tensor.data.assign(tensor.data.size(), 3e38f);
  }
  const auto engine = MakeFusedEngine(model);
  const Scores scores = Score(*engine, model.spec, StandingStates(model.spec, 1),
                              RandomControls(model.spec, 1, 900, 2), 1, 900);
  EXPECT_LE(scores.first_non_finite_step[0], 900);
  EXPECT_TRUE(std::isnan(scores.total_return[0]));
}

TEST(FusedEngineTest, StopsWhenItsJobIsCancelled) {
  const TransitionModel model = HopperModel(1);
  const auto engine = MakeFusedEngine(model);
  constexpr int kHorizon = 100;
  const std::vector<float> initial = StandingStates(model.spec, 2);
  const std::vector<float> controls = RandomControls(model.spec, 2, kHorizon, 2);
  std::vector<float> kept(2 * 12), dropped(2 * 12, -1.0f);
  const std::atomic<bool> cancelled{true};
  RolloutJob job;
  job.lanes = 2;
  job.horizon = kHorizon;
  job.initial_states = initial;
  job.controls = controls;
  job.final_state = absl::MakeSpan(kept);
  RolloutJob cancelled_job = job;
  cancelled_job.cancelled = &cancelled;
  cancelled_job.final_state = absl::MakeSpan(dropped);
  ASSERT_THAT(engine->Rollout({cancelled_job, job, cancelled_job}), IsOk());
  EXPECT_THAT(dropped, testing::Each(-1.0f));  // never computed
  const std::vector<float> alone =
      Trajectories(*engine, model.spec, initial, controls, 2, kHorizon);
  for (int d = 0; d < 12; ++d) EXPECT_EQ(kept[d], alone[kHorizon * 12 + d]);
}

TEST(FusedEngineTest, RefusesWhatItDoesNotComputeWhenMade) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnnNonseparable;
  const EngineOptions options;
  auto engine = FusedCpuEngineModule().create(RandomModel(MakeSpec(choice), 1), options);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(engine.status().message(), HasSubstr("HNN_NONSEPARABLE"));

  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kDopri5;
  engine = FusedCpuEngineModule().create(RandomModel(MakeSpec(choice), 1), options);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(engine.status().message(), HasSubstr("DOPRI5"));

  choice.method = IntegratorMethod::kRk4;
  engine = FusedCpuEngineModule().create(RandomModel(MakeSpec(choice), 1), {.device = "cuda:0"});
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kUnavailable);

  TransitionModel broken = RandomModel(MakeSpec(choice), 1);
  broken.weights.pop_back();
  const std::string name = RandomModel(MakeSpec(choice), 1).weights.back().name;
  engine = FusedCpuEngineModule().create(broken, options);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(engine.status().message(), HasSubstr(name));
}

TEST(FusedEngineTest, RefusesJobsWhoseSizesContradictEachOther) {
  const TransitionModel model = RandomModel(MakeSpec({}), 1);  // n = 3, nu = 2, no reward
  const auto engine = MakeFusedEngine(model);
  const std::vector<float> initial(6), controls(4 * 5 * 2);
  std::vector<float> out(1000);
  RolloutJob good;
  good.lanes = 4;
  good.horizon = 5;
  good.initial_states = initial;
  good.controls = controls;
  good.final_state = absl::MakeSpan(out).first(24);
  ASSERT_THAT(engine->Rollout({good}), IsOk());

  RolloutJob job = good;
  job.lanes = 0;
  EXPECT_EQ(engine->Rollout({job}).code(), absl::StatusCode::kInvalidArgument);
  job = good;
  job.controls = absl::MakeConstSpan(controls).first(39);
  EXPECT_THAT(engine->Rollout({job}).message(), AllOf(HasSubstr("controls"), HasSubstr("39")));
  job = good;
  job.trajectory = absl::MakeSpan(out).first(100);
  EXPECT_THAT(engine->Rollout({job}).message(), AllOf(HasSubstr("trajectory"), HasSubstr("100")));
  job = good;
  job.initial_states = absl::MakeConstSpan(out).first(12);
  EXPECT_THAT(engine->Rollout({job}).message(), HasSubstr("initial_states"));
  job = good;
  job.total_return = absl::MakeSpan(out).first(4);
  EXPECT_THAT(engine->Rollout({job}).message(), HasSubstr("names no reward"));
}

}  // namespace
}  // namespace rollout
