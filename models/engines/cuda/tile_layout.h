// Where a tile's numbers lie in shared memory, and how many lanes a tile has.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_LAYOUT_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

// The numbers of lanes for which there are kernels.
inline constexpr int kTileLanes[] = {1, 8, 32, 64};

// `model` with its memory planned for tiles of `lanes` lanes in at most `shared_bytes` of a block's
// shared memory: states and activations first, then as many layers' weights as there is room for;
// the others are read through the caches. nullopt where the activations alone do not fit.
std::optional<TileModel> PlanTiles(const TileModel& model, int lanes, int64_t shared_bytes);

// How many lanes a tile should have so that `lanes` lanes of `members` members are done soonest on
// `multiprocessors` multiprocessors, one of `available`, which holds some of kTileLanes in rising
// order. A tile of one lane waits for the chain of its layers, one of 64 computes all the time;
// more tiles than multiprocessors take turns.
int ChooseTileLanes(int64_t lanes, int members, int multiprocessors,
                    const std::vector<int>& available);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_LAYOUT_H_
