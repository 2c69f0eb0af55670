// The CUDA engine as its callers meet it: batches, segments, horizons, outputs.
#include "models/engines/cuda/tile_engine.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/fused/fused_engine.h"
#include "tests/models/cuda/test_device.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout::cuda {
namespace {

class TileEngineTest : public testing::Test {
 protected:
  void SetUp() override { ROLLOUT_NEEDS_TEST_DEVICE(); }

  static std::unique_ptr<Engine> Make(const TransitionModel& model,
                                      const TileEngineOptions& options) {
    auto engine = MakeTileEngine(model, MakeTestDevice(ThreadOrder::kAscending), options);
    EXPECT_THAT(engine, IsOk());
    return engine.ok() ? *std::move(engine) : nullptr;
  }
};

// A job and everything that it points at.
struct Rollouts {
  Rollouts(const TransitionModelSpec& spec, int lanes, int horizon, uint64_t seed, int hold = 1)
      : initial(RandomStates(spec, lanes, seed)),
        controls(
            RandomControls(spec, lanes, static_cast<int>(ControlRows(horizon, hold)), seed + 1)),
        trajectory(lanes * (horizon + 1) * spec.state_size()),
        final_state(lanes * spec.state_size()),
        first_non_finite_step(lanes) {
    job.lanes = lanes;
    job.horizon = horizon;
    job.hold = hold;
    job.initial_states = initial;
    job.controls = controls;
    job.trajectory = absl::MakeSpan(trajectory);
    job.final_state = absl::MakeSpan(final_state);
    job.first_non_finite_step = absl::MakeSpan(first_non_finite_step);
  }
  Rollouts(const Rollouts&) = delete;

  std::vector<float> initial, controls, trajectory, final_state;
  std::vector<int32_t> first_non_finite_step;
  RolloutJob job;
};

TransitionModel HnnModel(int ensemble_size) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.has_force = true;
  choice.angular_positions = {1};
  choice.ensemble_size = ensemble_size;
  return RandomModel(MakeSpec(choice), 3);
}

void ExpectClose(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], 2e-4 * std::max(1.0f, std::abs(expected[i]))) << i;
  }
}

TEST_F(TileEngineTest, JobsOfDifferentHorizonsShareACallAndKeepTheirBits) {
  const TransitionModel model = HnnModel(2);
  for (const int tile_lanes : {1, 8, 32, 64}) {
    const auto engine = Make(model, {.tile_lanes = tile_lanes});
    Rollouts a(model.spec, 5, 7, 1), b(model.spec, 40, 3, 2), c(model.spec, 1, 12, 3);
    ASSERT_OK(engine->Rollout({a.job, b.job, c.job}));
    for (const Rollouts* together : {&a, &b, &c}) {
      Rollouts alone(model.spec, static_cast<int>(together->job.lanes),
                     static_cast<int>(together->job.horizon),
                     together == &a   ? 1
                     : together == &b ? 2
                                      : 3);
      ASSERT_OK(engine->Rollout({alone.job}));
      EXPECT_EQ(together->trajectory, alone.trajectory) << "in tiles of " << tile_lanes;
      EXPECT_EQ(together->final_state, alone.final_state);
    }
  }
}

TEST_F(TileEngineTest, OneSizeGivesALaneTheSameBitsInBatchesOfAnySize) {
  const TransitionModel model = HnnModel(2);
  const auto engine = Make(model, {.one_size = true});
  for (const int lanes : {2, 9, 40, 200}) {
    Rollouts batch(model.spec, lanes, 5, 1);
    ASSERT_OK(engine->Rollout({batch.job}));
    Rollouts alone(model.spec, 1, 5, 1);
    std::copy_n(batch.initial.begin(), alone.initial.size(), alone.initial.begin());
    std::copy_n(batch.controls.begin(), alone.controls.size(), alone.controls.begin());
    ASSERT_OK(engine->Rollout({alone.job}));
    batch.trajectory.resize(alone.trajectory.size());
    EXPECT_EQ(batch.trajectory, alone.trajectory) << "in a batch of " << lanes;
  }
}

TEST_F(TileEngineTest, SegmentsGiveTheBitsOfOneLaunch) {
  const TransitionModel model = HnnModel(2);
  const auto whole = Make(model, {.tile_lanes = 8});
  // Two lanes, two members, six numbers: three steps a segment.
  const auto in_segments = Make(model, {.segment_states = 3 * 2 * 2 * 6 + 5, .tile_lanes = 8});
  Rollouts a(model.spec, 2, 11, 1), b(model.spec, 2, 11, 1);
  ASSERT_OK(whole->Rollout({a.job}));
  ASSERT_OK(in_segments->Rollout({b.job}));
  EXPECT_EQ(a.trajectory, b.trajectory);
}

TEST_F(TileEngineTest, TheLastStatesAloneAreThoseOfTheTrajectory) {
  const TransitionModel model = HnnModel(1);
  const auto engine = Make(model, {});
  Rollouts a(model.spec, 9, 6, 1), b(model.spec, 9, 6, 1), c(model.spec, 3, 4, 2);
  ASSERT_OK(engine->Rollout({a.job}));
  for (Rollouts* last : {&b, &c}) {
    last->job.trajectory = {};
    last->job.first_non_finite_step = {};
  }
  ASSERT_OK(engine->Rollout({c.job, b.job}));
  EXPECT_EQ(a.final_state, b.final_state);
}

TEST_F(TileEngineTest, AgreesWithTheCpuOnEveryOutput) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.ensemble_size = 3;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.reward = "hopper_v5";
  spec.termination = "hopper_v5";
  const TransitionModel model = RandomModel(spec, 5);
  const auto tiles = Make(model, {});
  ASSERT_OK_AND_ASSIGN(const auto cpu, FusedCpuEngineModule().create(model, {}));
  for (const EnsembleUse use : {EnsembleUse::kAllMembers, EnsembleUse::kTs1, EnsembleUse::kTsInf}) {
    std::vector<float> returns[2], rewards[2];
    Rollouts a(spec, 4, 9, 1, 2), b(spec, 4, 9, 1, 2);
    for (int i = 0; i < 2; ++i) {
      Rollouts& rollouts = i == 0 ? a : b;
      returns[i].resize(4);
      rewards[i].resize(4 * 9);
      rollouts.job.ensemble = use;
      rollouts.job.seed = 11;
      rollouts.job.total_return = absl::MakeSpan(returns[i]);
      rollouts.job.rewards = absl::MakeSpan(rewards[i]);
      for (int lane = 0; lane < 4; ++lane) rollouts.initial[lane * 12 + 1] = 1.25f;
      ASSERT_OK((i == 0 ? tiles : cpu)->Rollout({rollouts.job}));
    }
    ExpectClose(a.trajectory, b.trajectory);
    ExpectClose(a.final_state, b.final_state);
    ExpectClose(rewards[0], rewards[1]);
    ExpectClose(returns[0], returns[1]);
    EXPECT_EQ(a.first_non_finite_step, b.first_non_finite_step);
  }
}

TEST_F(TileEngineTest, ADivergingLaneTurnsNonFiniteAlone) {
  SpecChoice choice;
  choice.activation = Activation::kRelu;
  const TransitionModel model = RandomModel(MakeSpec(choice), 3);
  for (const int tile_lanes : {1, 8, 32, 64}) {
    const auto engine = Make(model, {.tile_lanes = tile_lanes});
    Rollouts good(model.spec, 11, 5, 1), one_bad(model.spec, 11, 5, 1);
    one_bad.initial[4 * 6 + 2] = 3e38f;
    ASSERT_OK(engine->Rollout({good.job}));
    ASSERT_OK(engine->Rollout({one_bad.job}));
    EXPECT_LE(one_bad.first_non_finite_step[4], 5);
    for (int lane = 0; lane < 11; ++lane) {
      if (lane == 4) continue;
      EXPECT_EQ(one_bad.first_non_finite_step[lane], 6);
      for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(one_bad.final_state[lane * 6 + i], good.final_state[lane * 6 + i]);
      }
    }
  }
}

TEST_F(TileEngineTest, ACancelledJobIsDroppedAndItsNeighboursStay) {
  const TransitionModel model = HnnModel(1);
  const auto engine = Make(model, {.tile_lanes = 8});
  Rollouts a(model.spec, 3, 8, 1), b(model.spec, 3, 8, 1), dropped(model.spec, 3, 8, 2);
  ASSERT_OK(engine->Rollout({a.job}));
  const std::atomic<bool> cancelled{true};
  dropped.job.cancelled = &cancelled;
  dropped.final_state.assign(dropped.final_state.size(), -1.0f);
  ASSERT_OK(engine->Rollout({dropped.job, b.job, dropped.job}));
  EXPECT_THAT(dropped.final_state, testing::Each(-1.0f));
  EXPECT_EQ(a.trajectory, b.trajectory);
}

}  // namespace
}  // namespace rollout::cuda
