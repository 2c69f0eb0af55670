// What the torch engine owes its callers beside the right numbers.
#include "models/engines/torch/torch_engine.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/rewards/reward.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::Each;
using testing::HasSubstr;

std::unique_ptr<Engine> MakeEngine(const TransitionModel& model, int threads = 1) {
  EngineOptions options;
  options.threads = threads;
  return *MakeTorchEngine(model, options, TorchPrecision::kFloat32);
}

TransitionModel SmallModel(int members = 1) {
  SpecChoice choice;
  choice.ensemble_size = members;
  choice.substeps = 2;
  return RandomModel(MakeSpec(choice), 1);
}

// A job with memory of its own for every output that a model without a reward has.
struct OwnedJob {
  OwnedJob(const TransitionModelSpec& spec, int lanes, int horizon, uint64_t seed, int states = 1)
      : initial(RandomStates(spec, states, seed)),
        controls(RandomControls(spec, lanes, horizon, seed + 1)),
        trajectory(static_cast<size_t>(lanes * (horizon + 1) * spec.state_size()), -7.0f),
        final_state(static_cast<size_t>(lanes * spec.state_size()), -7.0f),
        non_finite(static_cast<size_t>(lanes), -7) {
    job.lanes = lanes;
    job.horizon = horizon;
  }
  const RolloutJob& Get() {
    job.initial_states = initial;
    job.controls = controls;
    job.trajectory = absl::MakeSpan(trajectory);
    job.final_state = absl::MakeSpan(final_state);
    job.first_non_finite_step = absl::MakeSpan(non_finite);
    return job;
  }

  std::vector<float> initial, controls, trajectory, final_state;
  std::vector<int32_t> non_finite;
  RolloutJob job;
};

float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<float>::infinity();
  float largest = 0.0f;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(TorchEngine, FirstStateIsTheRequestsBitForBit) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;  // whose v -> p -> v would not give the same bits
  choice.ensemble_size = 3;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  OwnedJob owned(model.spec, 4, 2, 1, 4);
  ASSERT_OK(MakeEngine(model)->Rollout({owned.Get()}));
  for (int lane = 0; lane < 4; ++lane) {
    for (int d = 0; d < 6; ++d) {
      EXPECT_EQ(owned.trajectory[static_cast<size_t>(lane * 3 * 6 + d)],
                owned.initial[static_cast<size_t>(lane * 6 + d)]);
    }
  }
}

TEST(TorchEngine, OneSharedStateEqualsTheSameStateInEveryLane) {
  const TransitionModel model = SmallModel(2);
  const auto engine = MakeEngine(model);
  OwnedJob shared(model.spec, 5, 9, 1), repeated(model.spec, 5, 9, 1);
  repeated.initial.clear();
  for (int lane = 0; lane < 5; ++lane) {
    repeated.initial.insert(repeated.initial.end(), shared.initial.begin(), shared.initial.end());
  }
  ASSERT_OK(engine->Rollout({shared.Get()}));
  ASSERT_OK(engine->Rollout({repeated.Get()}));
  EXPECT_EQ(shared.trajectory, repeated.trajectory);
}

TEST(TorchEngine, JobsOfDifferentHorizonsInOneCallAreWhatTheyAreAlone) {
  for (const int members : {1, 3}) {
    const TransitionModel model = SmallModel(members);
    const auto engine = MakeEngine(model);
    const std::vector<std::pair<int, int>> shapes = {{3, 7}, {1, 1}, {5, 20}, {2, 7}, {4, 13}};
    std::vector<OwnedJob> together, alone;
    for (const auto& [lanes, horizon] : shapes) {
      together.emplace_back(model.spec, lanes, horizon, together.size());
      alone.emplace_back(model.spec, lanes, horizon, alone.size());
    }
    std::vector<RolloutJob> jobs;
    for (OwnedJob& owned : together) jobs.push_back(owned.Get());
    ASSERT_OK(engine->Rollout(jobs));
    for (size_t i = 0; i < alone.size(); ++i) {
      ASSERT_OK(engine->Rollout({alone[i].Get()}));
      EXPECT_LT(LargestDifference(together[i].trajectory, alone[i].trajectory), 2e-6f) << i;
      EXPECT_LT(LargestDifference(together[i].final_state, alone[i].final_state), 2e-6f) << i;
      EXPECT_THAT(together[i].non_finite, Each(alone[i].job.horizon + 1));
      const std::vector<double> expected = ReferenceRollouts(
          model, alone[i].initial, alone[i].controls, shapes[i].first, shapes[i].second);
      EXPECT_LT(LargestDeviation(together[i].trajectory, expected, Spread(expected, 6)), 1e-3) << i;
    }
  }
}

TEST(TorchEngine, FinalStateAloneIsTheEndOfTheTrajectory) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  const auto engine = MakeEngine(model);
  OwnedJob whole(model.spec, 3, 8, 1), end(model.spec, 3, 8, 1);
  ASSERT_OK(engine->Rollout({whole.Get()}));
  RolloutJob job = end.Get();
  job.trajectory = {};
  job.first_non_finite_step = {};
  ASSERT_OK(engine->Rollout({job}));
  EXPECT_EQ(end.final_state, whole.final_state);
  for (int d = 0; d < 6; ++d) {
    EXPECT_EQ(whole.final_state[static_cast<size_t>(d)],
              whole.trajectory[static_cast<size_t>(8 * 6 + d)]);
  }
}

TEST(TorchEngine, ADivergingLaneLeavesItsNeighboursAlone) {
  for (const IntegratorMethod method :
       {IntegratorMethod::kEuler, IntegratorMethod::kRk4, IntegratorMethod::kDopri5}) {
    SpecChoice choice;
    choice.kind = DynamicsKind::kNode;
    choice.hidden_sizes = {};  // linear, hence unbounded
    choice.method = method;
    choice.transition_dt = 50.0;
    choice.substeps = 1;
    const TransitionModel model = RandomModel(MakeSpec(choice), 1);
    const auto engine = MakeEngine(model);
    OwnedJob calm(model.spec, 3, 6, 1, 3);
    std::fill(calm.controls.begin(), calm.controls.end(), 0.0f);
    OwnedJob wild = calm;
    for (int d = 6; d < 12; ++d) wild.initial[static_cast<size_t>(d)] *= 1e37f;
    ASSERT_OK(engine->Rollout({calm.Get()}));
    ASSERT_OK(engine->Rollout({wild.Get()}));
    EXPECT_LE(wild.non_finite[1], 6) << Name(method);
    const auto lane = [](const OwnedJob& owned, int index) {
      return std::vector<float>(owned.trajectory.begin() + index * 7 * 6,
                                owned.trajectory.begin() + (index + 1) * 7 * 6);
    };
    // The step named is the first one with a non-finite number.
    const std::vector<float> lost = lane(wild, 1);
    for (int t = 0; t <= 6; ++t) {
      const bool finite = std::all_of(lost.begin() + t * 6, lost.begin() + (t + 1) * 6,
                                      [](float x) { return std::isfinite(x); });
      EXPECT_EQ(finite, t < wild.non_finite[1]) << Name(method) << " step " << t;
    }
    for (const int index : {0, 2}) {
      const std::vector<float> disturbed = lane(wild, index), undisturbed = lane(calm, index);
      EXPECT_EQ(std::memcmp(disturbed.data(), undisturbed.data(), 7 * 6 * sizeof(float)), 0)
          << Name(method) << " lane " << index;
      EXPECT_EQ(wild.non_finite[static_cast<size_t>(index)],
                calm.non_finite[static_cast<size_t>(index)]);
    }
  }
}

TEST(TorchEngine, Float64IsCloserToTheReference) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  const auto deviation = [&](TorchPrecision precision) {
    const auto engine = *MakeTorchEngine(model, EngineOptions{}, precision);
    OwnedJob owned(model.spec, 2, 100, 1);
    EXPECT_OK(engine->Rollout({owned.Get()}));
    const std::vector<double> expected =
        ReferenceRollouts(model, owned.initial, owned.controls, 2, 100);
    return LargestDeviation(owned.trajectory, expected, Spread(expected, 6));
  };
  const double exact = deviation(TorchPrecision::kFloat64);
  EXPECT_LT(exact, 5e-7);  // the rounding of the outputs
  EXPECT_GT(deviation(TorchPrecision::kFloat32), exact);
}

TEST(TorchEngine, ReturnsAreTheSumsOfTheNamedRewardUpToTermination) {
  SpecChoice choice;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.ensemble_size = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.reward = spec.termination = "hopper_v5";
  const TransitionModel model = RandomModel(spec, 1);
  const int lanes = 6, horizon = 30;
  OwnedJob owned(spec, lanes, horizon, 1, lanes);
  for (int lane = 0; lane < lanes; ++lane) {
    // Standing at first, more or less; the last lanes lie on the ground.
    owned.initial[static_cast<size_t>(lane * 12 + 1)] = lane < 4 ? 1.25f : 0.2f;
    owned.initial[static_cast<size_t>(lane * 12 + 2)] = 0.0f;
  }
  RolloutJob job = owned.Get();
  std::vector<float> returns(lanes), rewards(lanes * horizon);
  std::vector<int32_t> terminated(lanes);
  job.total_return = absl::MakeSpan(returns);
  job.rewards = absl::MakeSpan(rewards);
  job.terminated_step = absl::MakeSpan(terminated);
  ASSERT_OK(MakeEngine(model)->Rollout({job}));

  const RewardFunction reward = *FindReward("hopper_v5", 6, 3);
  const TerminationFunction termination = *FindTermination("hopper_v5", 6, 3);
  for (int lane = 0; lane < lanes; ++lane) {
    double expected_return = 0.0;
    int first_terminated = horizon + 1;
    std::vector<double> expected_rewards(horizon, 0.0);
    for (int member = 0; member < 2; ++member) {
      const std::vector<float> z0(owned.initial.begin() + lane * 12,
                                  owned.initial.begin() + (lane + 1) * 12);
      const std::vector<float> u(owned.controls.begin() + lane * horizon * 3,
                                 owned.controls.begin() + (lane + 1) * horizon * 3);
      const std::vector<double> z = ReferenceRollout(model, member, z0, u, horizon);
      for (int t = 0; t < horizon; ++t) {
        const std::vector<double> control(u.begin() + t * 3, u.begin() + (t + 1) * 3);
        const TransitionView transition{absl::MakeConstSpan(z).subspan(t * 12, 12), control,
                                        absl::MakeConstSpan(z).subspan((t + 1) * 12, 12),
                                        spec.transition_dt};
        expected_rewards[t] += reward(transition) / 2;
        expected_return += reward(transition) / 2;
        if (termination(transition)) {
          first_terminated = std::min(first_terminated, t + 1);
          break;
        }
      }
    }
    EXPECT_EQ(terminated[lane], first_terminated) << lane;
    EXPECT_NEAR(returns[lane], expected_return, 1e-3 * std::max(1.0, std::abs(expected_return)));
    for (int t = 0; t < horizon; ++t) {
      EXPECT_NEAR(rewards[lane * horizon + t], expected_rewards[t], 2e-3) << lane << " " << t;
    }
  }
  EXPECT_GT(terminated[0], 1);
  EXPECT_EQ(terminated[5], 1);
}

TEST(TorchEngine, ACancelledJobDoesNotDisturbTheOthers) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  OwnedJob first(model.spec, 2, 5, 1), second(model.spec, 3, 9, 2), alone(model.spec, 3, 9, 2);
  const std::atomic<bool> cancelled{true};
  RolloutJob abandoned = first.Get();
  abandoned.cancelled = &cancelled;
  ASSERT_OK(engine->Rollout({abandoned, second.Get()}));
  ASSERT_OK(engine->Rollout({alone.Get()}));
  EXPECT_LT(LargestDifference(second.trajectory, alone.trajectory), 2e-6f);
  EXPECT_THAT(first.final_state, Each(-7.0f));
}

TEST(TorchEngine, StopsBetweenTransitionsWhenCancelled) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.num_controls = 0;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  const auto engine = MakeEngine(model);
  const std::vector<float> initial = RandomStates(model.spec, 1, 1);
  std::vector<float> final_state(6, -7.0f);
  std::atomic<bool> cancelled{false};
  RolloutJob job;
  job.lanes = 1;
  job.horizon = 100'000'000;  // days
  job.initial_states = initial;
  job.final_state = absl::MakeSpan(final_state);
  job.cancelled = &cancelled;
  absl::Status status = absl::UnknownError("still running");
  std::thread caller([&] { status = engine->Rollout({job}); });
  cancelled = true;
  caller.join();
  EXPECT_OK(status);
  EXPECT_THAT(final_state, Each(-7.0f));
}

TEST(TorchEngine, MoreMemoryThanThereIsIsResourceExhausted) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.num_controls = 0;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  const auto engine = MakeEngine(model);
  OwnedJob owned(model.spec, 1, 1, 1);
  RolloutJob job;
  job.lanes = int64_t{1} << 42;
  job.horizon = 1;
  job.initial_states = owned.initial;
  EXPECT_THAT(engine->Rollout({job}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("memory")));
  // And goes on.
  EXPECT_OK(engine->Rollout({owned.Get()}));
}

TEST(TorchEngine, SizesThatContradictEachOtherAreRefusedByName) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  std::vector<float> floats(3);
  std::vector<int32_t> integers(3);
  const auto expect = [&](auto change, const char* name) {
    OwnedJob owned(model.spec, 2, 4, 1);
    RolloutJob job = owned.Get();
    change(&job);
    EXPECT_THAT(engine->Rollout({job}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  };
  expect([](RolloutJob* job) { job->lanes = 0; }, "0 lanes");
  expect([](RolloutJob* job) { job->horizon = 0; }, "horizon 0");
  expect([](RolloutJob* job) { job->horizon = int64_t{1} << 31; }, "horizon");
  expect([](RolloutJob* job) { job->lanes = int64_t{1} << 62; }, "controls");
  expect([](RolloutJob* job) { job->initial_states.remove_suffix(1); }, "initial_states");
  expect([](RolloutJob* job) { job->controls.remove_suffix(1); }, "controls");
  expect([](RolloutJob* job) { job->trajectory.remove_suffix(1); }, "trajectory");
  expect([](RolloutJob* job) { job->final_state.remove_suffix(1); }, "final_state");
  expect([&](RolloutJob* job) { job->first_non_finite_step = absl::MakeSpan(integers); },
         "first_non_finite_step");
  expect([&](RolloutJob* job) { job->terminated_step = absl::MakeSpan(integers); },
         "terminated_step");
  expect([&](RolloutJob* job) { job->total_return = absl::MakeSpan(floats).subspan(0, 2); },
         "names no reward");
}

TEST(TorchEngine, RefusesWhatIsNoDeviceAndSaysWhatCudaMisses) {
  EngineOptions options;
  for (const char* device : {"gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", ""}) {
    options.device = device;
    EXPECT_THAT(MakeTorchEngine(SmallModel(), options, TorchPrecision::kFloat32),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected \"cpu\"")))
        << device;
  }
  options.device = "cuda:127";  // nobody has that many
  EXPECT_THAT(MakeTorchEngine(SmallModel(), options, TorchPrecision::kFloat32),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cuda:127")));
}

TEST(TorchEngine, RefusesAModelWhoseRewardIsUnknown) {
  TransitionModel model = SmallModel();
  model.spec.reward = "no_such_reward";
  EXPECT_FALSE(MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32).ok());
}

TEST(TorchEngine, ManyCallersOfManyEnginesGetTheirOwnResults) {
  const TransitionModel model = SmallModel();
  const auto first = MakeEngine(model), second = MakeEngine(model, 2);
  OwnedJob expected(model.spec, 3, 10, 1);
  ASSERT_OK(first->Rollout({expected.Get()}));
  std::vector<OwnedJob> jobs(8, OwnedJob(model.spec, 3, 10, 1));
  std::vector<std::thread> callers;
  for (size_t i = 0; i < jobs.size(); ++i) {
    callers.emplace_back(
        [&, i] { EXPECT_OK((i % 2 == 0 ? first : second)->Rollout({jobs[i].Get()})); });
  }
  for (std::thread& caller : callers) caller.join();
  for (const OwnedJob& job : jobs) EXPECT_EQ(job.trajectory, expected.trajectory);
}

}  // namespace
}  // namespace rollout
