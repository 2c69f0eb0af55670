// A lane has the same bits whatever it is computed beside, on however many threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

bool SameBits(const float* a, const float* b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

struct Kind {
  DynamicsKind kind;
  IntegratorMethod method;
  bool has_force;
};

const Kind kKinds[] = {
    {DynamicsKind::kNode, IntegratorMethod::kRk4, false},
    {DynamicsKind::kNodeSo, IntegratorMethod::kConstantAcceleration, false},
    {DynamicsKind::kMechanics, IntegratorMethod::kLeapfrog, false},
    {DynamicsKind::kHnn, IntegratorMethod::kSymplecticEuler, true},
};

std::vector<std::pair<Kind, int>> KindsAndSizes(const std::vector<int>& sizes) {
  std::vector<std::pair<Kind, int>> all;
  for (const Kind& kind : kKinds) {
    for (int size : sizes) all.emplace_back(kind, size);
  }
  return all;
}

TransitionModel MakeModel(const Kind& kind, int num_positions = 5, int ensemble_size = 1) {
  SpecChoice choice;
  choice.kind = kind.kind;
  choice.method = kind.method;
  choice.has_force = kind.has_force;
  choice.num_positions = num_positions;
  choice.angular_positions = {1};
  if (num_positions > 3) choice.angular_positions.push_back(3);
  choice.ignored_positions = {0};
  choice.hidden_sizes = {80, 37, 21};  // 1, 2 and 4 partial sums
  choice.transition_dt = 0.05;
  choice.substeps = num_positions == 3 ? 1 : 3;  // one: the controls are inputs like the others
  choice.ensemble_size = ensemble_size;
  return RandomModel(MakeSpec(choice), 11);
}

class SameBitsTest : public testing::TestWithParam<int64_t> {
 protected:
  OnlyTarget only_{GetParam()};
};

TEST_P(SameBitsTest, ALaneHasTheSameBitsInAnyBatchAndAtAnyThreadCount) {
  constexpr int kLanes = 71;
  constexpr int kHorizon = 3;
  // With three positions half a vector, of AVX2 as well, holds what the last layer gives.
  for (const auto& [kind, num_positions] : KindsAndSizes({5, 3})) {
    const TransitionModel model = MakeModel(kind, num_positions);
    const size_t lane_size = (kHorizon + 1) * size_t(model.spec.state_size());
    const size_t lane_controls = kHorizon * size_t(model.spec.num_controls);
    const std::vector<float> initial = RandomStates(model.spec, kLanes, 1);
    const std::vector<float> controls = RandomControls(model.spec, kLanes, kHorizon, 2);
    const auto slice = [](const std::vector<float>& all, size_t size, int first, int count) {
      return std::vector<float>(all.begin() + size * first, all.begin() + size * (first + count));
    };
    const auto one_thread = MakeFusedEngine(model);
    std::vector<float> alone;
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::vector<float> trajectory =
          Trajectories(*one_thread, model.spec, slice(initial, model.spec.state_size(), lane, 1),
                       slice(controls, lane_controls, lane, 1), 1, kHorizon);
      alone.insert(alone.end(), trajectory.begin(), trajectory.end());
    }
    std::vector<int> every_tile(34);  // full and not, alone and in a row
    std::iota(every_tile.begin(), every_tile.end(), 1);
    every_tile.push_back(kLanes);
    for (int threads : {1, 2, 3}) {
      const auto engine = MakeFusedEngine(model, threads);
      for (int lanes : threads == 1 ? every_tile : std::vector<int>{2, 9, 33, kLanes}) {
        const int first = kLanes - lanes;
        const std::vector<float> together =
            Trajectories(*engine, model.spec, slice(initial, model.spec.state_size(), first, lanes),
                         slice(controls, lane_controls, first, lanes), lanes, kHorizon);
        EXPECT_TRUE(SameBits(together.data(), &alone[first * lane_size], together.size()))
            << Name(kind.kind) << " of " << num_positions << " positions, " << lanes << " lanes, "
            << threads << " threads";
      }
    }
  }
}

TEST_P(SameBitsTest, JobsOfDifferentHorizonsDoNotSeeEachOther) {
  const std::vector<int> horizons = {3, 17, 1, 9, 2, 30, 5};
  const std::vector<int> lanes = {7, 3, 40, 1, 12, 2, 20};
  for (const Kind& kind : kKinds) {
    const TransitionModel model = MakeModel(kind, 5, 2);
    const auto engine = MakeFusedEngine(model, 2);
    std::vector<std::vector<float>> initial, controls, apart, together;
    for (size_t i = 0; i < horizons.size(); ++i) {
      initial.push_back(RandomStates(model.spec, i % 2 == 0 ? lanes[i] : 1, i));
      controls.push_back(RandomControls(model.spec, lanes[i], horizons[i], i));
      apart.push_back(
          Trajectories(*engine, model.spec, initial[i], controls[i], lanes[i], horizons[i]));
      together.emplace_back(apart[i].size());
    }
    std::vector<RolloutJob> jobs(horizons.size());
    for (size_t i = 0; i < jobs.size(); ++i) {
      jobs[i].lanes = lanes[i];
      jobs[i].horizon = horizons[i];
      jobs[i].initial_states = initial[i];
      jobs[i].controls = controls[i];
      jobs[i].trajectory = absl::MakeSpan(together[i]);
    }
    ASSERT_THAT(engine->Rollout(jobs), IsOk());
    for (size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_TRUE(SameBits(together[i].data(), apart[i].data(), apart[i].size()))
          << Name(kind.kind) << ", job " << i;
    }
  }
}

// A lane that blows up must show it from the right step on and leave its neighbours alone.
TEST_P(SameBitsTest, ADivergingLaneTurnsNonFiniteAlone) {
  constexpr int kLanes = 20;
  constexpr int kHorizon = 40;
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kEuler;
  choice.activation = Activation::kRelu;  // unbounded
  choice.num_positions = 2;
  choice.num_controls = 1;
  choice.hidden_sizes = {40};
  choice.transition_dt = 20.0;
  choice.substeps = 1;
  const TransitionModel model = RandomModel(MakeSpec(choice), 3);
  std::vector<float> initial = RandomStates(model.spec, kLanes, 1);
  const std::vector<float> controls = RandomControls(model.spec, kLanes, kHorizon, 2);
  const auto engine = MakeFusedEngine(model);
  const auto run = [&](std::vector<int32_t>* first_non_finite) {
    std::vector<float> trajectories(kLanes * (kHorizon + 1) * model.spec.state_size());
    RolloutJob job;
    job.lanes = kLanes;
    job.horizon = kHorizon;
    job.initial_states = initial;
    job.controls = controls;
    job.trajectory = absl::MakeSpan(trajectories);
    job.first_non_finite_step = absl::MakeSpan(*first_non_finite);
    EXPECT_THAT(engine->Rollout({job}), IsOk());
    return trajectories;
  };
  constexpr int kDiverging = 13;
  const size_t lane_size = (kHorizon + 1) * size_t(model.spec.state_size());
  std::vector<int32_t> before(kLanes), after(kLanes);
  const std::vector<float> calm = run(&before);
  for (int d = 0; d < model.spec.state_size(); ++d) {
    initial[kDiverging * model.spec.state_size() + d] = std::numeric_limits<float>::max() / 4;
  }
  const std::vector<float> disturbed = run(&after);
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* trajectory = &disturbed[lane * lane_size];
    // The first state that has a number that is not finite.
    const auto first =
        std::find_if(trajectory, trajectory + lane_size, [](float x) { return !std::isfinite(x); });
    EXPECT_EQ(after[lane], (first - trajectory) / model.spec.state_size());
    if (lane == kDiverging) {
      EXPECT_LT(after[lane], 5);
    } else {
      EXPECT_EQ(after[lane], before[lane]);
      EXPECT_TRUE(SameBits(trajectory, &calm[lane * lane_size], lane_size)) << lane;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryTarget, SameBitsTest, testing::ValuesIn(FusedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace rollout
