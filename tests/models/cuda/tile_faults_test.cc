// What the CUDA engine refuses when it is made, and what it does when its device fails.
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/cuda/tile_engine.h"
#include "models/engines/device_fault.h"
#include "tests/models/cuda/failing_device.h"
#include "tests/models/cuda/host_tile_device.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout::cuda {
namespace {

using testing::HasSubstr;

absl::Status Refusal(const SpecChoice& choice, int64_t shared_bytes = 227 << 10) {
  const HostTileDeviceOptions device = {.shared_bytes = shared_bytes};
  return MakeTileEngine(RandomModel(MakeSpec(choice), 1), std::make_unique<HostTileDevice>(device),
                        {})
      .status();
}

TEST(TileRefusalsTest, NamesWhatItDoesNotCompute) {
  const auto refuses = [](const SpecChoice& choice, const char* reason) {
    EXPECT_THAT(Refusal(choice), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(reason)));
  };
  SpecChoice choice;
  EXPECT_THAT(Refusal(choice), IsOk());
  choice.kind = DynamicsKind::kHnnNonseparable;
  refuses(choice, "HNN_NONSEPARABLE");
  choice = {};
  choice.method = IntegratorMethod::kImplicitMidpoint;
  refuses(choice, "IMPLICIT_MIDPOINT");
  choice = {};
  choice.kind = DynamicsKind::kHnn;
  choice.activation = Activation::kSilu;
  refuses(choice, "SILU");
  choice = {};
  choice.num_positions = 65;
  refuses(choice, "65 positions");
  choice = {};
  choice.hidden_sizes = {16, 513};
  refuses(choice, "513 units");
  choice = {};
  choice.hidden_sizes = std::vector<int>(9, 4);
  refuses(choice, "9 hidden layers");
  EXPECT_THAT(Refusal({}, 256),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("256 bytes of shared memory")));
}

struct Question {
  explicit Question(const TransitionModel& model, int lanes)
      : initial(RandomStates(model.spec, 1, 1)),
        controls(RandomControls(model.spec, lanes, 4, 2)),
        final_state(lanes * model.spec.state_size()) {
    job.lanes = lanes;
    job.horizon = 4;
    job.initial_states = initial;
    job.controls = controls;
    job.final_state = absl::MakeSpan(final_state);
  }
  std::vector<float> initial, controls, final_state;
  RolloutJob job;
};

TEST(TileFaultsTest, TooManyLanesForTheMemoryAreComputedInPieces) {
  const TransitionModel model = RandomModel(MakeSpec({}), 1);
  ASSERT_OK_AND_ASSIGN(
      const auto small,
      MakeTileEngine(model, std::make_unique<FailingDevice>(8, 1000), {.tile_lanes = 8}));
  ASSERT_OK_AND_ASSIGN(
      const auto large,
      MakeTileEngine(model, std::make_unique<FailingDevice>(1000, 1000), {.tile_lanes = 8}));
  Question in_pieces(model, 37), at_once(model, 37);
  ASSERT_OK(small->Rollout({in_pieces.job}));
  ASSERT_OK(large->Rollout({at_once.job}));
  EXPECT_EQ(in_pieces.final_state, at_once.final_state);
}

TEST(TileFaultsTest, NoMemoryAtAllIsUnavailableAndPasses) {
  const TransitionModel model = RandomModel(MakeSpec({}), 1);
  ASSERT_OK_AND_ASSIGN(const auto engine,
                       MakeTileEngine(model, std::make_unique<FailingDevice>(0, 1000), {}));
  Question question(model, 2);
  const absl::Status status = engine->Rollout({question.job});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no room")));
  EXPECT_EQ(DeviceFaultOf(status), DeviceFault::kOutOfMemory);
  EXPECT_THAT(engine->health(), IsOk());
}

TEST(TileFaultsTest, ABrokenDeviceStaysBroken) {
  const TransitionModel model = RandomModel(MakeSpec({}), 1);
  ASSERT_OK_AND_ASSIGN(const auto engine,
                       MakeTileEngine(model, std::make_unique<FailingDevice>(1000, 1), {}));
  Question question(model, 2);
  ASSERT_OK(engine->Rollout({question.job}));
  EXPECT_THAT(engine->health(), IsOk());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(engine->Rollout({question.job}),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("illegal address")));
    EXPECT_EQ(DeviceFaultOf(engine->health()), DeviceFault::kStickyError);
  }
}

}  // namespace
}  // namespace rollout::cuda
