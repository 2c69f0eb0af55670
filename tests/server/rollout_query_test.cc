#include "server/services/rollout_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Hopper-like: 6 positions would make long tables, so 2 positions and 2 controls in [-1, 1].
TransitionModelSpec Spec() {
  SpecChoice choice;
  choice.num_positions = 2;
  choice.num_controls = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = "hopper";
  spec.control_low = {-1, -1};
  spec.control_high = {1, 1};
  return spec;
}

absl::string_view Bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// A valid request of 2 lanes and 3 transitions; cases change one thing.
struct Request {
  std::vector<uint64_t> state_shape = {1, 4};
  std::vector<float> states = std::vector<float>(4, 0.25f);
  std::vector<uint64_t> control_shape = {2, 3, 2};
  std::vector<float> controls = std::vector<float>(12, 0.5f);
  WantedOutputs wanted = {.trajectory = true};
  bool clip = true;
  RequestLimits limits;
  QuerySettings settings;
  TransitionModelSpec spec = Spec();

  absl::StatusOr<RolloutQuery> Make() const {
    return MakeRolloutQuery(spec, {"initial_states", state_shape, Bytes(states)},
                            {"controls", control_shape, Bytes(controls)}, wanted, clip, limits,
                            settings);
  }
};

TEST(RolloutQueryTest, TakesAValidRequest) {
  ASSERT_OK_AND_ASSIGN(const RolloutQuery query, Request().Make());
  EXPECT_EQ(query.lanes, 2);
  EXPECT_EQ(query.horizon, 3);
  EXPECT_THAT(query.initial_states, ElementsAre(0.25f, 0.25f, 0.25f, 0.25f));
  EXPECT_EQ(query.controls.size(), 12u);
}

TEST(RolloutQueryTest, ClipsControlsUnlessAskedNotTo) {
  Request request;
  request.controls[0] = 7.0f;
  request.controls[1] = -7.0f;
  ASSERT_OK_AND_ASSIGN(const RolloutQuery clipped, request.Make());
  EXPECT_EQ(clipped.controls[0], 1.0f);
  EXPECT_EQ(clipped.controls[1], -1.0f);
  request.clip = false;
  ASSERT_OK_AND_ASSIGN(const RolloutQuery kept, request.Make());
  EXPECT_EQ(kept.controls[0], 7.0f);
}

TEST(RolloutQueryTest, TakesAModelWithoutControls) {
  Request request;
  request.spec.num_controls = 0;
  request.spec.control_low.clear();
  request.spec.control_high.clear();
  request.control_shape = {2, 3, 0};
  request.controls.clear();
  ASSERT_OK_AND_ASSIGN(const RolloutQuery query, request.Make());
  EXPECT_EQ(query.lanes, 2);
  EXPECT_EQ(query.horizon, 3);
}

TEST(RolloutQueryTest, HeldControlsMakeALongerHorizon) {
  Request request;
  request.settings.hold = 4;
  ASSERT_OK_AND_ASSIGN(const RolloutQuery query, request.Make());
  EXPECT_EQ(query.horizon, 12);
}

TEST(RolloutQueryTest, ACostMakesReturnsOfAModelWithoutReward) {
  Request request;
  request.wanted.total_return = true;
  request.settings.cost = QueryCost{.state = {1, 1, 0, 0}};
  EXPECT_OK(request.Make());
}

struct BadCase {
  std::string name;
  void (*change)(Request*);
  std::string message;
  friend void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }
};

class BadRolloutQueryTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadRolloutQueryTest, IsRefusedNamingFieldGotAndExpected) {
  Request request;
  GetParam().change(&request);
  EXPECT_THAT(request.Make(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

constexpr uint64_t kHuge = (uint64_t{1} << 62) + 1;

INSTANTIATE_TEST_SUITE_P(
    Table, BadRolloutQueryTest,
    testing::Values(
        BadCase{"Discount", [](Request* r) { r->settings.discount = 1.01; },
                "discount: got 1.01, expected a number from 0 to 1"},
        BadCase{"HeldForTooLong",
                [](Request* r) {
                  r->limits.max_horizon = 11;
                  r->settings.hold = 4;
                },
                "controls: got a horizon of 12 transitions, expected at most 11"},
        BadCase{"CostSize",
                [](Request* r) {
                  r->settings.cost = QueryCost{.control = {1, 1, 1}};
                },
                "cost.control: got 3 numbers, expected 2 or none"},
        BadCase{"CostNegative",
                [](Request* r) {
                  r->settings.cost = QueryCost{.terminal = {0, 0, -2, 0}};
                },
                "cost.terminal[2]: got -2, expected a finite number of at least 0"},
        BadCase{"CostNaN",
                [](Request* r) {
                  r->settings.cost = QueryCost{.last_control = {0, NAN}};
                },
                "cost.last_control[1]: got nan, expected a finite number"},
        BadCase{"CostReference",
                [](Request* r) {
                  r->settings.cost =
                      QueryCost{.reference = std::vector<float>(8), .reference_shape = {2, 4}};
                },
                "cost.reference: got shape [2, 4], expected [1, 4] or [4, 4]"},
        BadCase{"CostAddsNoReward",
                [](Request* r) { r->settings.cost = QueryCost{.add_reward = true}; },
                "cost.add_reward: got true, but hopper names no reward"},
        BadCase{"OutsideUnknownData", [](Request* r) { r->wanted.first_outside_step = true; },
                "outputs.first_outside_step: got true, but hopper does not say"},
        BadCase{"SpreadOfOneMember",
                [](Request* r) {
                  r->wanted.spread = true;
                  r->settings.ensemble = EnsembleUse::kTs1;
                },
                "outputs.spread: got true, but with TS1 and TSINF"},
        BadCase{"ControlsRank",
                [](Request* r) {
                  r->control_shape = {6, 2};
                },
                "controls: got shape [6, 2], expected [B, T, 2] (hopper has 2 controls)"},
        BadCase{"ControlsWidth",
                [](Request* r) {
                  r->control_shape = {2, 2, 3};
                },
                "controls: got shape [2, 2, 3], expected [B, T, 2]"},
        BadCase{"NoLane",
                [](Request* r) {
                  r->control_shape = {0, 3, 2};
                },
                "controls: got shape [0, 3, 2], expected [B, T, 2] (hopper has 2 controls) with "
                "B >= 1 and T >= 1"},
        BadCase{"NoTransition",
                [](Request* r) {
                  r->control_shape = {2, 0, 2};
                },
                "controls: got shape [2, 0, 2]"},
        BadCase{"NoShape", [](Request* r) { r->control_shape = {}; }, "controls: got shape []"},
        BadCase{"StateWidth",
                [](Request* r) {
                  r->state_shape = {1, 5};
                },
                "initial_states: got shape [1, 5], expected [1, 4] or [2, 4] (hopper has 2 "
                "positions and as many velocities)"},
        BadCase{"StateCount",
                [](Request* r) {
                  r->state_shape = {3, 4};
                },
                "initial_states: got shape [3, 4], expected [1, 4] or [2, 4]"},
        BadCase{"StateBytes", [](Request* r) { r->states.pop_back(); },
                "initial_states: got 12 bytes, expected 16 for shape [1, 4] of FP32"},
        BadCase{"ControlBytes", [](Request* r) { r->controls.push_back(0); },
                "controls: got 52 bytes, expected 48 for shape [2, 3, 2] of FP32"},
        BadCase{"LanesThatWrapToThePayloadsSize",
                [](Request* r) {
                  r->limits.max_lanes = std::numeric_limits<int64_t>::max();
                  r->control_shape = {kHuge, 3, 2};
                },
                "controls: got shape [4611686018427387905, 3, 2], expected a shape whose size in "
                "bytes is below 2^63"},
        BadCase{"HorizonThatWrapsToThePayloadsSize",
                [](Request* r) {
                  r->control_shape = {2, kHuge, 2};
                },
                "controls: got a horizon of 4611686018427387905 transitions, expected at most "
                "16384 (the server's --max-horizon)"},
        BadCase{"TooManyLanes", [](Request* r) { r->limits.max_lanes = 1; },
                "controls: got 2 lanes, expected at most 1 (the server's --max-lanes)"},
        BadCase{"TooLong", [](Request* r) { r->limits.max_horizon = 2; },
                "controls: got a horizon of 3 transitions, expected at most 2"},
        BadCase{"ReplyTooLarge", [](Request* r) { r->limits.max_reply_bytes = 100; },
                "outputs: the reply would take 152 bytes, expected at most 100 (the server's "
                "--max-reply-bytes)"},
        BadCase{"NanState", [](Request* r) { r->states[3] = std::nanf(""); },
                "initial_states[0, 3]: got NaN, expected a finite number"},
        BadCase{"InfiniteControlBeforeClipping",
                [](Request* r) { r->controls[9] = std::numeric_limits<float>::infinity(); },
                "controls[1, 1, 1]: got an infinity, expected a finite number"},
        BadCase{"MinusInfinity",
                [](Request* r) { r->controls[0] = -std::numeric_limits<float>::infinity(); },
                "controls[0, 0, 0]: got an infinity"},
        BadCase{"ReturnWithoutReward", [](Request* r) { r->wanted.total_return = true; },
                "outputs: got a request for the return, but hopper names no reward"},
        BadCase{"RewardsWithoutReward", [](Request* r) { r->wanted.rewards = true; },
                "outputs: got a request for rewards, but hopper names no reward"}),
    [](const auto& info) { return info.param.name; });

TEST(ShapeTextTest, ShowsTheFirstSizesOfMany) {
  EXPECT_EQ(ShapeText({}), "[]");
  EXPECT_EQ(ShapeText({{2, 50, 3}}), "[2, 50, 3]");
  EXPECT_EQ(ShapeText(std::vector<uint64_t>(8, 1)), "[1, 1, 1, 1, 1, 1, 1, 1]");
  EXPECT_EQ(ShapeText(std::vector<uint64_t>(1000000, 1)),
            "[1, 1, 1, 1, 1, 1, 1, 1, ... 1000000 sizes]");
}

TEST(CheckedProductTest, SeesEveryOverflow) {
  EXPECT_EQ(CheckedProduct({{2, 3, 4}}), 24);
  EXPECT_EQ(CheckedProduct({}), 1);
  EXPECT_EQ(CheckedProduct({{kHuge, 0}}), 0);
  EXPECT_EQ(CheckedProduct({{kHuge, 4}}), std::nullopt);
  const uint64_t largest = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(CheckedProduct({&largest, 1}), std::nullopt);
  EXPECT_EQ(CheckedProduct({{uint64_t{1} << 32, uint64_t{1} << 31}}), std::nullopt);
}

}  // namespace
}  // namespace rollout
