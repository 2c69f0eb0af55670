// Where numbers lie in shared memory, how many lanes a tile has, and what CUDA's errors mean.
#include "models/engines/cuda/tile_layout.h"

#include "gtest/gtest.h"
#include "models/engines/cuda/cuda_status.h"
#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/fused/fused_model.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout::cuda {
namespace {

constexpr int64_t kA100 = 163 << 10;
constexpr int64_t kH100 = 227 << 10;

TileModel HopperModel(DynamicsKind kind, IntegratorMethod method) {
  SpecChoice choice;
  choice.kind = kind;
  choice.method = method;
  choice.has_force = kind == DynamicsKind::kHnn;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.hidden_sizes = {128, 128};
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  const auto fused = fused::MakeFusedModel(model);
  EXPECT_THAT(fused, IsOk());
  return PackTiles(model.spec, *fused).model;
}

int LayersInSharedMemory(const TileModel& model) {
  int count = 0;
  for (const TileNetwork* network : {&model.mlp, &model.potential, &model.mass,
                                     &model.potential_backward, &model.mass_backward}) {
    for (int i = 0; i < network->layers; ++i) count += network->layer[i].shared >= 0 ? 1 : 0;
  }
  return count;
}

TEST(PlanTilesTest, TheWeightsOfASmallNetworkLieInSharedMemory) {
  const TileModel model =
      HopperModel(DynamicsKind::kNodeSo, IntegratorMethod::kConstantAcceleration);
  const struct {
    int64_t shared;
    int lanes;
    int expected;
  } cases[] = {
      {kH100, 32, 3},
      {kH100, 64, 3},
      {kA100, 32, 3},
      {kA100, 64, 2},  // the last layer's six outputs lack a few bytes
      // The layer in the middle stays in registers.
      {kA100, 1, 2},
      {kA100, 8, 2},
  };
  for (const auto& c : cases) {
    const auto planned = PlanTiles(model, c.lanes, c.shared);
    ASSERT_TRUE(planned.has_value());
    EXPECT_EQ(LayersInSharedMemory(*planned), c.expected) << c.lanes << " lanes";
    EXPECT_LE(planned->memory.total * 4, c.shared);
  }
}

TEST(PlanTilesTest, WeightsThatDoNotFitAreReadThroughTheCaches) {
  const TileModel model = HopperModel(DynamicsKind::kHnn, IntegratorMethod::kEuler);
  const auto planned = PlanTiles(model, 64, kH100);
  ASSERT_TRUE(planned.has_value());
  EXPECT_GT(LayersInSharedMemory(*planned), 0);
  EXPECT_LT(LayersInSharedMemory(*planned), 13);
  EXPECT_LE(planned->memory.total * 4, kH100);
}

TEST(PlanTilesTest, ATileWhoseActivationsDoNotFitIsNotThere) {
  const TileModel model = HopperModel(DynamicsKind::kNodeSo, IntegratorMethod::kRk4);
  EXPECT_FALSE(PlanTiles(model, 64, 64 << 10).has_value());
  EXPECT_TRUE(PlanTiles(model, 8, 64 << 10).has_value());
}

TEST(ChooseTileLanesTest, FewLanesGetBlocksOfTheirOwnAndManyShareOne) {
  const std::vector<int> all = {1, 8, 32, 64};
  const struct {
    int64_t lanes;
    int members;
    int expected;
  } cases[] = {{1, 1, 1},     {132, 1, 1},   {264, 1, 1},    {512, 1, 8}, {1024, 1, 8},
               {4096, 1, 32}, {8448, 1, 64}, {16384, 1, 64}, {100, 5, 8}, {16384, 5, 64}};
  for (const auto& c : cases) {
    EXPECT_EQ(ChooseTileLanes(c.lanes, c.members, 132, all), c.expected)
        << c.lanes << " lanes of " << c.members << " members";
  }
  EXPECT_EQ(ChooseTileLanes(16384, 1, 132, {1, 8}), 8);
}

TEST(CudaStatusTest, TellsFaultsApart) {
  EXPECT_EQ(FaultOfCudaError(2), DeviceFault::kOutOfMemory);    // cudaErrorMemoryAllocation
  EXPECT_EQ(FaultOfCudaError(700), DeviceFault::kStickyError);  // cudaErrorIllegalAddress
  EXPECT_EQ(FaultOfCudaError(719), DeviceFault::kStickyError);  // cudaErrorLaunchFailure
  EXPECT_EQ(FaultOfCudaError(46), DeviceFault::kDeviceLost);    // cudaErrorDevicesUnavailable
  EXPECT_EQ(FaultOfCudaError(214), DeviceFault::kDeviceLost);   // cudaErrorECCUncorrectable
  EXPECT_EQ(FaultOfCudaError(100), DeviceFault::kDeviceLost);   // cudaErrorNoDevice
  const absl::Status memory =
      CudaError(2, "cuda:1", "allocating a batch", "cudaErrorX", "too much");
  EXPECT_EQ(memory.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(memory.message(), "device cuda:1: allocating a batch failed: too much (cudaErrorX)");
  EXPECT_EQ(DeviceFaultOf(AsUnavailable(memory)), DeviceFault::kOutOfMemory);
  EXPECT_EQ(AsUnavailable(memory).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(DeviceFaultOf(absl::UnavailableError("draining")), std::nullopt);
}

}  // namespace
}  // namespace rollout::cuda
