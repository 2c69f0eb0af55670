// The kernels against the scalar float64 reference: compiled for the host, and, in another program,
// on a GPU.
#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/cuda/tile_engine.h"
#include "tests/models/cuda/test_device.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout::cuda {
namespace {

std::vector<float> Trajectories(const TransitionModel& model, int tile_lanes, ThreadOrder order,
                                const std::vector<float>& initial,
                                const std::vector<float>& controls, int lanes, int horizon) {
  auto engine = MakeTileEngine(model, MakeTestDevice(order), {.tile_lanes = tile_lanes});
  EXPECT_THAT(engine, IsOk());
  std::vector<float> trajectories(static_cast<size_t>(lanes) * (horizon + 1) *
                                  model.spec.state_size());
  if (!engine.ok()) return trajectories;
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectories);
  EXPECT_THAT((*engine)->Rollout({job}), IsOk());
  return trajectories;
}

// The largest deviation from the reference, in units of each dimension's spread, of any tile size.
// Tiles whose threads take their turns the other way round must give the same bits.
double Deviation(const TransitionModel& model, int lanes, int horizon,
                 const std::vector<int>& tiles = {1, 8, 32, 64}) {
  const std::vector<float> initial = RandomStates(model.spec, lanes, 1);
  const std::vector<float> controls = RandomControls(model.spec, lanes, horizon, 2);
  const std::vector<double> expected = ReferenceRollouts(model, initial, controls, lanes, horizon);
  const std::vector<double> spread = Spread(expected, model.spec.state_size());
  double largest = 0.0;
  for (const int tile : tiles) {
    const std::vector<float> actual =
        Trajectories(model, tile, ThreadOrder::kAscending, initial, controls, lanes, horizon);
    largest = std::max(largest, LargestDeviation(actual, expected, spread));
    EXPECT_EQ(actual, Trajectories(model, tile, ThreadOrder::kDescending, initial, controls, lanes,
                                   horizon))
        << "a thread of a tile of " << tile << " lanes depends on another one's turn";
  }
  return largest;
}

std::vector<SpecChoice> TakenChoices() {
  std::vector<SpecChoice> taken;
  for (const SpecChoice& choice : EverySpecChoice()) {
    if (CheckTilesTake(MakeSpec(choice)).ok()) taken.push_back(choice);
  }
  return taken;
}

class TileParityTest : public testing::TestWithParam<SpecChoice> {
 protected:
  void SetUp() override { ROLLOUT_NEEDS_TEST_DEVICE(); }
};

class TileShapeTest : public testing::Test {
 protected:
  void SetUp() override { ROLLOUT_NEEDS_TEST_DEVICE(); }
};

// Steps so coarse that methods of the same order, and p against v, part visibly; an ensemble.
TEST_P(TileParityTest, AgreesAtCoarseSteps) {
  SpecChoice choice = GetParam();
  choice.transition_dt = 2.0;
  choice.substeps = 2;
  choice.ensemble_size = 2;
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 8), 11, 3), 5e-5);
}

TEST_P(TileParityTest, StaysWithinTheToleranceOver200TransitionsOf8Substeps) {
  SpecChoice choice = GetParam();
  choice.hidden_sizes = {13, 18};
  EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 7), 1, 200, {1}), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(EveryKindAndIntegrator, TileParityTest, testing::ValuesIn(TakenChoices()),
                         [](const auto& info) { return ChoiceName(info.param); });

TEST_F(TileShapeTest, TakesAnyDepthAndWidth) {
  const std::vector<std::vector<int>> shapes = {
      {}, {1}, {3, 2}, {16}, {17, 9}, {33, 48}, {65, 40, 7}, {130}, {128, 128}, {9, 150, 9}};
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kMechanics, DynamicsKind::kHnn}) {
    for (const std::vector<int>& shape : shapes) {
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.method = IntegratorMethod::kEuler;
      choice.hidden_sizes = shape;
      choice.num_positions = 5;
      choice.angular_positions = {2, 3};
      choice.transition_dt = 0.1;
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 4), 9, 2), 2e-5)
          << Name(kind) << " of depth " << shape.size();
    }
  }
}

TEST_F(TileShapeTest, TakesEveryActivation) {
  for (Activation activation :
       {Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}) {
    for (DynamicsKind kind : {DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
      if (kind == DynamicsKind::kHnn && activation == Activation::kSilu) continue;  // refused
      SpecChoice choice;
      choice.kind = kind;
      choice.method = IntegratorMethod::kEuler;
      choice.activation = activation;
      choice.hidden_sizes = {20, 70};
      choice.substeps = 2;
      EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 5), 3, 20), 5e-5) << Name(activation);
    }
  }
}

TEST_F(TileShapeTest, TakesModelsWithoutControls) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.num_controls = 0;
    EXPECT_LE(Deviation(RandomModel(MakeSpec(choice), 6), 2, 20), 5e-5);
  }
}

}  // namespace
}  // namespace rollout::cuda
