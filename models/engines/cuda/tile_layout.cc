#include "models/engines/cuda/tile_layout.h"

#include <algorithm>

#include "models/engines/cuda/dense_tile.h"
#include "models/engines/cuda/pack_tiles.h"

namespace rollout::cuda {
namespace {

int RowStride(int lanes) {
  switch (lanes) {
    case 1:
      return TileShape<1>::kStride;
    case 8:
      return TileShape<8>::kStride;
    case 32:
      return TileShape<32>::kStride;
    default:
      return TileShape<64>::kStride;
  }
}

// Hands out shared memory from its beginning on; every piece begins at a multiple of 16 bytes.
class Room {
 public:
  Room(int row_stride, int64_t floats) : row_stride_(row_stride), floats_(floats) {}

  int32_t Numbers(int64_t count) {
    const int64_t offset = used_;
    used_ += (count + 3) / 4 * 4;
    return static_cast<int32_t>(offset);
  }
  int32_t Rows(int64_t rows) { return Numbers(rows * row_stride_); }

  bool Fits(int64_t count) const { return used_ + count <= floats_; }
  int64_t used() const { return used_; }

 private:
  const int64_t row_stride_;
  const int64_t floats_;
  int64_t used_ = 0;
};

// `layers` is how many of them are computed.
void PlaceWeights(TileNetwork* network, int layers, int resident_layer, Room* room) {
  for (int i = 0; i < layers; ++i) {
    TileLayer& layer = network->layer[i];
    const int64_t size = int64_t{layer.inputs} * layer.stride;
    layer.shared = -1;
    if (i != resident_layer && room->Fits(size)) layer.shared = room->Numbers(size);
  }
}

// Time of one evaluation by one tile of Hopper's sizes, in units of that of a tile of 64 lanes.
// From the counts of instructions in docs/gpu.md; to be replaced by measured ones.
double TileCost(int lanes) {
  switch (lanes) {
    case 1:
      return 0.08;
    case 8:
      return 0.18;
    case 32:
      return 0.54;
    default:
      return 1.0;
  }
}

}  // namespace

std::optional<TileModel> PlanTiles(const TileModel& model, int lanes, int64_t shared_bytes) {
  TileModel planned = model;
  TileMemory& memory = planned.memory;
  const bool hamiltonian = IsHamiltonian(model);
  const int stride = RowStride(lanes);
  Room room(stride, shared_bytes / static_cast<int64_t>(sizeof(float)));
  const int n = model.num_positions;
  const int triangle = model.learned_mass != 0 ? PadOutputs(n * (n + 1) / 2) : 0;
  const int features = hamiltonian ? PadOutputs(model.num_features) : 0;

  int widest = 0;
  int hidden_layers = 0;
  for (const TileNetwork* network : {&model.mlp, &model.potential, &model.mass}) {
    for (int i = 0; i + 1 < network->layers; ++i) {
      widest = std::max(widest, PadOutputs(network->layer[i].outputs));
      hidden_layers = std::max(hidden_layers, i + 1);
    }
  }
  const int buffers = hamiltonian ? hidden_layers : std::min(hidden_layers, 2);

  memory.verdict = room.Numbers(1);
  memory.constants = room.Numbers(model.num_constants);
  memory.state = room.Rows(2 * n);
  memory.residual = room.Rows(2 * n);
  memory.stage = room.Rows(model.stages > 1 ? 2 * n : 0);
  memory.rates = room.Rows(int64_t{2} * n * model.stages);
  memory.controls = room.Rows(2 * model.num_controls);
  memory.inputs = room.Rows(model.mlp.layers > 0 ? model.num_features + n + model.num_controls : 0);
  memory.features = room.Rows(features);
  memory.hidden = room.Rows(int64_t{buffers} * widest);
  memory.hidden_stride = widest * stride;
  memory.triangle = room.Rows(triangle);
  memory.cotangents = room.Rows(triangle);
  memory.factor = room.Rows(triangle > 0 ? n : 0);
  memory.velocity = room.Rows(triangle > 0 ? n : 0);
  memory.feature_gradient = room.Rows(features);
  if (!room.Fits(0)) return std::nullopt;

  const bool keeps_weights = !hamiltonian && lanes <= 8;
  const bool resident = keeps_weights && model.mlp.layers > 2 && FitsRegisters(model.mlp.layer[1]);
  PlaceWeights(&planned.mlp, model.mlp.layers, resident ? 1 : -1, &room);
  PlaceWeights(&planned.mass, model.mass.layers, -1, &room);
  PlaceWeights(&planned.mass_backward, model.mass_backward.layers, -1, &room);
  // V itself is of no interest: its last weights are the beginning of its gradient.
  PlaceWeights(&planned.potential, model.potential.layers - 1, -1, &room);
  PlaceWeights(&planned.potential_backward, model.potential_backward.layers, -1, &room);
  memory.total = static_cast<int32_t>(room.used());
  return planned;
}

int ChooseTileLanes(int64_t lanes, int members, int multiprocessors,
                    const std::vector<int>& available) {
  int best = available.front();
  double best_cost = 0.0;
  for (const int candidate : available) {
    const int64_t tiles = (lanes + candidate - 1) / candidate * members;
    const int64_t turns = (tiles + multiprocessors - 1) / multiprocessors;
    const double cost = static_cast<double>(turns) * TileCost(candidate);
    if (candidate == available.front() || cost < best_cost) {
      best = candidate;
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace rollout::cuda
