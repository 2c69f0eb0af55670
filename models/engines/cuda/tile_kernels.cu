#include <cuda_runtime_api.h>

#include "models/engines/cuda/device_block.cuh"
#include "models/engines/cuda/tile_kernels.h"
#include "models/engines/cuda/tile_rollout.h"

namespace rollout::cuda {
namespace {

// One block computes one tile from its first transition of the launch to its last; weights stay in
// shared memory (or registers) and nothing goes to global memory but the states that somebody
// wants.
template <int kLanes, bool kHamiltonian>
__global__ void __launch_bounds__(kThreads, 1)
    RolloutTile(const __grid_constant__ TileModel model, const __grid_constant__ TileBatch batch) {
  extern __shared__ float4 shared[];
  DeviceBlock block;
  TileRollout<DeviceBlock, kLanes, kHamiltonian> rollout(
      block, model, batch, static_cast<int>(blockIdx.x), reinterpret_cast<float*>(shared));
  rollout.Run();
}

using Kernel = void (*)(TileModel, TileBatch);

Kernel KernelFor(int tile_lanes, bool hamiltonian) {
  switch (tile_lanes) {
    case 1:
      return hamiltonian ? RolloutTile<1, true> : RolloutTile<1, false>;
    case 8:
      return hamiltonian ? RolloutTile<8, true> : RolloutTile<8, false>;
    case 32:
      return hamiltonian ? RolloutTile<32, true> : RolloutTile<32, false>;
    default:
      return hamiltonian ? RolloutTile<64, true> : RolloutTile<64, false>;
  }
}

bool IsHamiltonian(const TileModel& model) {
  return model.potential.layers > 0 || model.learned_mass != 0;
}

}  // namespace

int AllowSharedMemory(int shared_bytes) {
  for (const int lanes : {1, 8, 32, 64}) {
    for (const bool hamiltonian : {false, true}) {
      const cudaError_t error =
          cudaFuncSetAttribute(reinterpret_cast<const void*>(KernelFor(lanes, hamiltonian)),
                               cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
      if (error != cudaSuccess) return error;
    }
  }
  return cudaSuccess;
}

int LaunchTiles(int tile_lanes, const TileModel& model, const TileBatch& batch,
                CUstream_st* stream) {
  TileModel model_argument = model;
  TileBatch batch_argument = batch;
  void* arguments[] = {&model_argument, &batch_argument};
  const unsigned tiles =
      static_cast<unsigned>((batch.lanes + tile_lanes - 1) / tile_lanes * model.members);
  return cudaLaunchKernel(
      reinterpret_cast<const void*>(KernelFor(tile_lanes, IsHamiltonian(model))), dim3(tiles),
      dim3(kThreads), arguments, static_cast<size_t>(model.memory.total) * sizeof(float), stream);
}

int BlocksPerMultiprocessor(int tile_lanes, const TileModel& model) {
  int blocks = 0;
  const cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, reinterpret_cast<const void*>(KernelFor(tile_lanes, IsHamiltonian(model))), kThreads,
      static_cast<size_t>(model.memory.total) * sizeof(float));
  return error == cudaSuccess ? blocks : 0;
}

}  // namespace rollout::cuda
