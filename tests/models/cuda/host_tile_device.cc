#include "tests/models/cuda/host_tile_device.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/cuda/tile_rollout.h"

namespace rollout::cuda {
namespace {

template <int kLanes, bool kHamiltonian>
void RunTiles(const TileModel& model, const TileBatch& batch, ThreadOrder order) {
  using Rollout = TileRollout<HostBlock, kLanes, kHamiltonian>;
  std::vector<Four> shared((model.memory.total + 3) / 4);
  for (int tile = 0; tile < Rollout::Tiles(batch) * model.members; ++tile) {
    // Shared memory holds whatever the block before has left.
    for (Four& four : shared) {
      for (float& value : four.value) value = std::numeric_limits<float>::quiet_NaN();
    }
    HostBlock block(order);
    const auto rollout = std::make_unique<Rollout>(block, model, batch, tile, shared[0].value);
    rollout->Run();
  }
}

template <bool kHamiltonian>
void RunTiles(int lanes, const TileModel& model, const TileBatch& batch, ThreadOrder order) {
  switch (lanes) {
    case 1:
      return RunTiles<1, kHamiltonian>(model, batch, order);
    case 8:
      return RunTiles<8, kHamiltonian>(model, batch, order);
    case 32:
      return RunTiles<32, kHamiltonian>(model, batch, order);
    default:
      return RunTiles<64, kHamiltonian>(model, batch, order);
  }
}

}  // namespace

HostTileDevice::HostTileDevice(const HostTileDeviceOptions& options)
    : options_(options),
      limits_{.name = "host",
              .multiprocessors = options.multiprocessors,
              .shared_bytes = options.shared_bytes} {}

absl::Status HostTileDevice::Load(absl::Span<const float> numbers) {
  numbers_.resize(numbers.size() + 4);  // room to begin at a multiple of 16 bytes
  float* first = numbers_.data();
  while (reinterpret_cast<uintptr_t>(first) % 16 != 0) ++first;
  std::copy(numbers.begin(), numbers.end(), first);
  return absl::OkStatus();
}

absl::StatusOr<BatchInputs> HostTileDevice::Prepare(const BatchSizes& sizes) {
  carried_.resize(sizes.carried);
  controls_.resize(sizes.controls);
  lanes_.resize(sizes.lanes);
  stop_.resize(sizes.ranges);
  for (std::vector<float>& states : states_) states.resize(sizes.states);
  return BatchInputs{.carried = absl::MakeSpan(carried_),
                     .controls = absl::MakeSpan(controls_),
                     .lanes = absl::MakeSpan(lanes_),
                     .stop = absl::MakeSpan(stop_)};
}

absl::Status HostTileDevice::Start(int slot, const TileModel& model, const Segment& segment) {
  const float* first = numbers_.data();
  while (reinterpret_cast<uintptr_t>(first) % 16 != 0) ++first;
  const TileBatch batch = {.packed = first,
                           .carried = carried_.data(),
                           .controls = controls_.data(),
                           .lane = lanes_.data(),
                           .stop = stop_.data(),
                           .states = states_[slot].data(),
                           .lanes = static_cast<int32_t>(lanes_.size()),
                           .first_step = segment.first_step,
                           .steps = segment.steps,
                           .every_state = segment.every_state ? 1 : 0};
  if (IsHamiltonian(model)) {
    RunTiles<true>(segment.tile_lanes, model, batch, options_.order);
  } else {
    RunTiles<false>(segment.tile_lanes, model, batch, options_.order);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HostTileDevice::Done(int) { return true; }

}  // namespace rollout::cuda
