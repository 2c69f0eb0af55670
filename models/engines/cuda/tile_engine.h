// The fused engine on a device: everything of it that is not CUDA.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_ENGINE_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/engines/cuda/tile_device.h"
#include "models/engines/cuda/tile_layout.h"
#include "models/engines/engine.h"

namespace rollout::cuda {

struct TileEngineOptions {
  // Numbers of states in one segment: longer rollouts of which every state is wanted are cut into
  // segments, of which one is computed while another one's states travel. (16 MiB.)
  int64_t segment_states = int64_t{4} << 20;
  // Lanes of one batch at most.
  int64_t batch_lanes = 65536;
  // Of the CPU's part: gradients, and lanes that follow single members of an ensemble.
  int cpu_threads = 1;
  // The only tiles to use; 0 = whichever is soonest done.
  int tile_lanes = 0;
  // Tiles of 8 lanes for all batches, or of one where 8 do not fit: a lane's bits depend on the
  // size of its tile and on nothing else of its batch.
  bool one_size = false;
};

// UNIMPLEMENTED with the reason where the engine does not take `model` or `device` has too little
// shared memory for it; otherwise the errors of MakeFusedModel, of finding reward and termination,
// and of the device.
absl::StatusOr<std::unique_ptr<Engine>> MakeTileEngine(const TransitionModel& model,
                                                       std::unique_ptr<TileDevice> device,
                                                       const TileEngineOptions& options);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_ENGINE_H_
