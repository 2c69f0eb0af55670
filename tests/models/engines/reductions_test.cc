// What jobs get besides trajectories, on the fused and on the torch engine, held against plain
// trajectories of the same engine.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/fused/fused_engine.h"
#include "models/engines/member_draw.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MemberDrawTest, PhiloxGivesThePublishedNumbers) {
  // The known answers of Random123, the authors' library.
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(Philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u));
}

TEST(MemberDrawTest, EveryMemberIsDrawnAsOften) {
  int counts[5] = {};
  for (int lane = 0; lane < 100; ++lane) {
    for (int t = 0; t < 100; ++t) ++counts[DrawMember(7, lane, t, 5)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 2000, 200);
}

TransitionModel Ensemble(DynamicsKind kind, int members) {
  SpecChoice choice;
  choice.kind = kind;
  choice.has_force = kind == DynamicsKind::kHnn;
  choice.method =
      kind == DynamicsKind::kHnn ? IntegratorMethod::kRk4 : IntegratorMethod::kConstantAcceleration;
  choice.num_positions = 3;
  choice.num_controls = 2;
  choice.angular_positions = {1};
  choice.ensemble_size = members;
  choice.transition_dt = 0.02;
  return RandomModel(MakeSpec(choice), 5);
}

TransitionModel MemberOf(const TransitionModel& ensemble, int member) {
  TransitionModel alone = ensemble;
  const int members = ensemble.spec.ensemble_size;
  alone.spec.ensemble_size = 1;
  for (NamedTensor& tensor : alone.weights) {
    if (tensor.shape[0] != members || tensor.shape.size() < 2) continue;  // a normaliser
    const size_t size = tensor.data.size() / members;
    tensor.data = std::vector<float>(tensor.data.begin() + member * size,
                                     tensor.data.begin() + (member + 1) * size);
    tensor.shape[0] = 1;
  }
  return alone;
}

// A job with all its memory.
struct Query {
  Query(const TransitionModelSpec& spec, int lanes, int horizon, int hold = 1)
      : initial(RandomStates(spec, lanes, 1)),
        controls(RandomControls(spec, lanes, (horizon + hold - 1) / hold, 2)) {
    job.lanes = lanes;
    job.horizon = horizon;
    job.hold = hold;
    job.initial_states = initial;
    job.controls = controls;
  }
  absl::Span<float> Floats(int64_t size) {
    floats.push_back(std::make_unique<std::vector<float>>(size, -1.0f));
    return absl::MakeSpan(*floats.back());
  }
  absl::Span<int32_t> Ints(int64_t size) {
    ints.push_back(std::make_unique<std::vector<int32_t>>(size, -1));
    return absl::MakeSpan(*ints.back());
  }

  std::vector<float> initial, controls;
  std::vector<std::unique_ptr<std::vector<float>>> floats;
  std::vector<std::unique_ptr<std::vector<int32_t>>> ints;
  RolloutJob job;
};

void ExpectNear(absl::Span<const float> a, absl::Span<const float> b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0f, std::abs(b[i]))) << i;
  }
}

class ReductionsTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Engine> MakeEngine(const TransitionModel& model) {
    const EngineModule& module =
        GetParam() == "fused" ? FusedCpuEngineModule() : TorchEngineModule();
    auto engine = module.create(model, {.device = "cpu", .threads = 2});
    EXPECT_THAT(engine, IsOk());
    return *std::move(engine);
  }
  std::vector<float> Trajectory(Engine& engine, Query* query, int state_size) {
    RolloutJob job = query->job;
    job.stride = 1;
    job.trajectory = query->Floats(job.lanes * (job.horizon + 1) * state_size);
    EXPECT_THAT(engine.Rollout({job}), IsOk());
    return {job.trajectory.begin(), job.trajectory.end()};
  }
};

TEST_P(ReductionsTest, StrideAndHoldChooseRows) {
  constexpr int kLanes = 5, kHorizon = 11, kHold = 4, kStride = 3;
  const TransitionModel model = Ensemble(DynamicsKind::kNodeSo, 1);
  const int size = model.spec.state_size();
  const auto engine = MakeEngine(model);
  Query held(model.spec, kLanes, kHorizon, kHold);
  held.job.stride = kStride;
  held.job.trajectory = held.Floats(kLanes * (1 + kHorizon / kStride) * size);
  held.job.final_state = held.Floats(kLanes * size);
  ASSERT_THAT(engine->Rollout({held.job}), IsOk());

  Query plain(model.spec, kLanes, kHorizon);
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int t = 0; t < kHorizon; ++t) {
      for (int k = 0; k < 2; ++k) {
        plain.controls[(lane * kHorizon + t) * 2 + k] =
            held.controls[(lane * 3 + t / kHold) * 2 + k];
      }
    }
  }
  const std::vector<float> all = Trajectory(*engine, &plain, size);
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* states = &all[lane * (kHorizon + 1) * size];
    for (int row = 0; row <= kHorizon / kStride; ++row) {
      for (int d = 0; d < size; ++d) {
        EXPECT_EQ(held.job.trajectory[(lane * (1 + kHorizon / kStride) + row) * size + d],
                  states[row * kStride * size + d]);
      }
    }
    for (int d = 0; d < size; ++d) {
      EXPECT_EQ(held.job.final_state[lane * size + d], states[kHorizon * size + d]);
    }
  }
}

TEST_P(ReductionsTest, CostsAndDiscountFollowTheirFormula) {
  constexpr int kLanes = 4, kHorizon = 9;
  const TransitionModel model = Ensemble(DynamicsKind::kNodeSo, 1);
  const int size = model.spec.state_size();
  const auto engine = MakeEngine(model);
  Query query(model.spec, kLanes, kHorizon);
  const std::vector<float> state = {1, 2, 0, 0.5, 0, 0}, terminal = {0, 3, 0, 0, 0, 7};
  const std::vector<float> control = {0.1f, 0.2f}, change = {0.3f, 0}, last = {0.5f, -0.5f};
  std::vector<float> reference((kHorizon + 1) * size);
  for (size_t i = 0; i < reference.size(); ++i) reference[i] = 0.3f * static_cast<float>(i % 17);
  DiagonalCost cost;
  cost.state = state;
  cost.terminal = terminal;
  cost.control = control;
  cost.control_change = change;
  cost.last_control = last;
  cost.reference = reference;
  query.job.cost = &cost;
  query.job.discount = 0.9;
  query.job.total_return = query.Floats(kLanes);
  query.job.rewards = query.Floats(kLanes * kHorizon);
  const std::vector<float> all = Trajectory(*engine, &query, size);

  for (int lane = 0; lane < kLanes; ++lane) {
    double expected = 0.0;
    for (int t = 0; t < kHorizon; ++t) {
      double step = 0.0;
      for (int d = 0; d < size; ++d) {
        double off =
            all[(lane * (kHorizon + 1) + t + 1) * size + d] - reference[(t + 1) * size + d];
        if (d == 1) off = std::atan2(std::sin(off), std::cos(off));
        step += (state[d] + (t + 1 == kHorizon ? terminal[d] : 0.0)) * off * off;
      }
      for (int k = 0; k < 2; ++k) {
        const double u = query.controls[(lane * kHorizon + t) * 2 + k];
        const double before = t == 0 ? last[k] : query.controls[(lane * kHorizon + t - 1) * 2 + k];
        step += control[k] * u * u + change[k] * (u - before) * (u - before);
      }
      EXPECT_NEAR(query.job.rewards[lane * kHorizon + t], -step, 1e-5 * step + 1e-5);
      expected -= std::pow(0.9, t) * step;
    }
    EXPECT_NEAR(query.job.total_return[lane], expected, 1e-5 * std::abs(expected));
  }
}

TEST_P(ReductionsTest, MeanAndSpreadAreOverMembersRolledOutAlone) {
  constexpr int kLanes = 3, kHorizon = 6, kMembers = 3;
  for (const DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    const TransitionModel model = Ensemble(kind, kMembers);
    const int size = model.spec.state_size();
    Query query(model.spec, kLanes, kHorizon);
    query.job.trajectory = query.Floats(kLanes * (kHorizon + 1) * size);
    query.job.trajectory_spread = query.Floats(kLanes * (kHorizon + 1) * size);
    query.job.final_state_spread = query.Floats(kLanes * size);
    ASSERT_THAT(MakeEngine(model)->Rollout({query.job}), IsOk());
    std::vector<std::vector<float>> members;
    for (int m = 0; m < kMembers; ++m) {
      Query alone(model.spec, kLanes, kHorizon);
      members.push_back(Trajectory(*MakeEngine(MemberOf(model, m)), &alone, size));
    }
    bool any_spread = false;
    for (size_t i = 0; i < query.job.trajectory.size(); ++i) {
      double mean = 0.0, squares = 0.0;
      for (const auto& member : members) mean += member[i] / 3.0;
      for (const auto& member : members) squares += (member[i] - mean) * (member[i] - mean) / 3.0;
      EXPECT_NEAR(query.job.trajectory[i], mean, 1e-5 * std::max(1.0, std::abs(mean)));
      EXPECT_NEAR(query.job.trajectory_spread[i], std::sqrt(squares), 1e-5);
      any_spread = any_spread || squares > 1e-8;
    }
    EXPECT_TRUE(any_spread);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int d = 0; d < size; ++d) {
        EXPECT_EQ(query.job.final_state_spread[lane * size + d],
                  query.job.trajectory_spread[(lane * (kHorizon + 1) + kHorizon) * size + d]);
      }
    }
  }
}

// One transition at a time by the member drawn for it.
TEST_P(ReductionsTest, EachLaneFollowsTheMemberDrawnForIt) {
  constexpr int kLanes = 6, kHorizon = 5, kMembers = 3;
  constexpr uint64_t kSeed = 12345678901234;
  for (const DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    const TransitionModel model = Ensemble(kind, kMembers);
    const int size = model.spec.state_size();
    const auto engine = MakeEngine(model);
    std::vector<std::unique_ptr<Engine>> members;
    for (int m = 0; m < kMembers; ++m) members.push_back(MakeEngine(MemberOf(model, m)));
    for (const EnsembleUse use : {EnsembleUse::kTs1, EnsembleUse::kTsInf}) {
      Query query(model.spec, kLanes, kHorizon);
      query.job.ensemble = use;
      query.job.seed = kSeed;
      const std::vector<float> all = Trajectory(*engine, &query, size);
      for (int lane = 0; lane < kLanes; ++lane) {
        for (int t = 0; t < kHorizon; ++t) {
          const int member = DrawMember(kSeed, lane, use == EnsembleUse::kTs1 ? t : 0, kMembers);
          const float* state = &all[(lane * (kHorizon + 1) + t) * size];
          Query step(model.spec, 1, 1);
          step.initial.assign(state, state + size);
          const float* control = &query.controls[(lane * kHorizon + t) * 2];
          step.controls.assign(control, control + 2);
          const std::vector<float> next = Trajectory(*members[member], &step, size);
          ExpectNear(absl::MakeConstSpan(state + size, size),
                     absl::MakeConstSpan(next).subspan(size), 1e-5);
        }
      }
      // Beside lanes of every other sort it is the same.
      Query other(model.spec, 40, 3);
      other.job.final_state = other.Floats(40 * size);
      RolloutJob beside = query.job;
      beside.trajectory = query.Floats(static_cast<int64_t>(all.size()));
      ASSERT_THAT(engine->Rollout({other.job, beside, other.job}), IsOk());
      ExpectNear(beside.trajectory, all, GetParam() == "fused" ? 0.0 : 1e-5);
    }
  }
}

TEST_P(ReductionsTest, TellsTheFirstStateOutsideTheData) {
  constexpr int kLanes = 8, kHorizon = 12;
  TransitionModel model = Ensemble(DynamicsKind::kNodeSo, 1);
  const int size = model.spec.state_size();
  model.spec.ignored_positions = {};
  // Position 0 is free, the angle may lie around half a turn, velocities within 1.
  model.spec.data_low = {-1e9f, 2.0f, -1e9f, -1.0f, -1.0f, -1.0f};
  model.spec.data_high = {1e9f, 5.0f, 1e9f, 1.0f, 1.0f, 1.0f};
  const auto engine = MakeEngine(model);
  Query query(model.spec, kLanes, kHorizon);
  for (int lane = 0; lane < kLanes; ++lane) {
    query.initial[lane * size + 1] = 3.5f + 6.2831853f * static_cast<float>(lane - 3);
    for (int d = 3; d < 6; ++d) query.initial[lane * size + d] *= lane == 7 ? 100.0f : 0.1f;
  }
  query.job.first_outside_step = query.Ints(kLanes);
  const std::vector<float> all = Trajectory(*engine, &query, size);
  int inside = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    int expected = kHorizon + 1;
    for (int t = kHorizon; t >= 0; --t) {
      const float* state = &all[(lane * (kHorizon + 1) + t) * size];
      const double turned = state[1] - 3.5;
      const bool angle_inside = std::abs(std::atan2(std::sin(turned), std::cos(turned))) <= 1.5;
      const bool within = angle_inside && std::abs(state[3]) <= 1 && std::abs(state[4]) <= 1 &&
                          std::abs(state[5]) <= 1;
      if (!within) expected = t;
    }
    EXPECT_EQ(query.job.first_outside_step[lane], expected) << lane;
    inside += expected > 0 ? 1 : 0;
  }
  EXPECT_GT(inside, 0);
  EXPECT_EQ(query.job.first_outside_step[7], 0) << "the request may start outside";
}

TEST_P(ReductionsTest, SaysWhatTheModelCannotGive) {
  const TransitionModel model = Ensemble(DynamicsKind::kNodeSo, 2);
  const auto engine = MakeEngine(model);
  const auto refused = [&](auto change) {
    Query query(model.spec, 2, 4);
    change(&query);
    const absl::Status status = engine->Check(query.job);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(engine->Rollout({query.job}), status);
    return std::string(status.message());
  };
  EXPECT_THAT(refused([](Query* q) { q->job.hold = 0; }), HasSubstr("hold 0"));
  EXPECT_THAT(refused([](Query* q) { q->job.stride = -1; }), HasSubstr("stride -1"));
  EXPECT_THAT(refused([](Query* q) { q->job.discount = 1.5; }), HasSubstr("discount 1.5"));
  EXPECT_THAT(refused([](Query* q) { q->job.discount = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("discount nan"));
  EXPECT_THAT(refused([](Query* q) { q->job.first_outside_step = q->Ints(2); }),
              HasSubstr("data_low"));
  EXPECT_THAT(refused([](Query* q) {
                q->job.ensemble = EnsembleUse::kTs1;
                q->job.final_state_spread = q->Floats(12);
              }),
              HasSubstr("no spread"));
  EXPECT_THAT(refused([](Query* q) { q->job.return_spread = q->Floats(2); }),
              HasSubstr("names no reward"));
  const std::vector<float> wrong(5);
  DiagonalCost cost;
  cost.terminal = wrong;
  EXPECT_THAT(refused([&](Query* q) { q->job.cost = &cost; }), HasSubstr("cost.terminal holds 5"));
  cost = {};
  cost.reference = wrong;
  EXPECT_THAT(refused([&](Query* q) { q->job.cost = &cost; }), HasSubstr("cost.reference holds 5"));
}

INSTANTIATE_TEST_SUITE_P(Engines, ReductionsTest, testing::Values("fused", "torch"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace rollout
