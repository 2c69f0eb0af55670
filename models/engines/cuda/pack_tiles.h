// A model's numbers in the order in which the device code reads them.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_PACK_TILES_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_PACK_TILES_H_

#include <vector>

#include "absl/status/status.h"
#include "models/engines/cuda/tile_model.h"
#include "models/engines/fused/fused_model.h"
#include "models/transition_model.h"

namespace rollout::cuda {

// `model.memory` and the layers' places in shared memory are still to be planned (PlanTiles).
struct PackedTiles {
  TileModel model;
  std::vector<float> numbers;  // [members, model.packed_size]
};

// Whether a model has a potential or a learned mass, and so takes the Hamiltonian kernels.
bool IsHamiltonian(const TileModel& model);

// OK, or UNIMPLEMENTED naming what of `spec` the CUDA engine does not compute.
absl::Status CheckTilesTake(const TransitionModelSpec& spec);

// `spec` is what `model` was made of and has passed CheckTilesTake.
PackedTiles PackTiles(const TransitionModelSpec& spec, const fused::FusedModel& model);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_PACK_TILES_H_
