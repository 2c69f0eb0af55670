// The kernels, as the rest of the engine calls them: no CUDA type but its error numbers.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_KERNELS_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_KERNELS_H_

#include "models/engines/cuda/tile_model.h"

struct CUstream_st;

namespace rollout::cuda {

// Lets every kernel use `shared_bytes` of shared memory on the current device. A cudaError_t.
int AllowSharedMemory(int shared_bytes);

// Starts the kernel for tiles of `tile_lanes` lanes (one of kTileLanes) on `stream`: one block for
// each tile of each member. A cudaError_t; later errors show on the stream.
int LaunchTiles(int tile_lanes, const TileModel& model, const TileBatch& batch,
                CUstream_st* stream);

// How many blocks of that kernel one multiprocessor of the current device holds; 0 = unknown.
int BlocksPerMultiprocessor(int tile_lanes, const TileModel& model);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_KERNELS_H_
