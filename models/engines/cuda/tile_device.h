// What the CUDA engine needs of a device: a seam below which the tests put the host.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_DEVICE_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_DEVICE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

struct DeviceLimits {
  std::string name;  // "cuda:0"
  int multiprocessors = 1;
  int64_t shared_bytes = 0;  // that one block may use
};

// Sizes of one batch.
struct BatchSizes {
  int64_t lanes = 0;
  int64_t ranges = 0;
  int64_t controls = 0;  // numbers
  int64_t carried = 0;   // numbers: members x lanes x 4n
  int64_t states = 0;    // numbers of one segment's output
};

// Memory of the host that the device copies from, valid until the next Prepare.
struct BatchInputs {
  absl::Span<float> carried;  // [members, lanes, 4n]
  absl::Span<float> controls;
  absl::Span<TileLane> lanes;  // [lanes]
  absl::Span<int32_t> stop;    // [ranges], read by kernels while the host sets them
};

// Some transitions of a batch: one launch.
struct Segment {
  int tile_lanes = 0;
  int first_step = 0;
  int steps = 0;
  bool every_state = false;
};

// One model's place on one device: its weights, the memory of one batch, and two segments under
// way, computed in the order in which they were started. While one is computed the states of the
// one before travel to the host. Owned by one engine; used by one thread at a time.
//
// Errors of all functions: RESOURCE_EXHAUSTED where the device or the host has too little memory,
// after which a smaller batch may be tried; UNAVAILABLE where the device does not work, which
// stays so: the object is then good for nothing but being destroyed.
class TileDevice {
 public:
  virtual ~TileDevice() = default;

  virtual const DeviceLimits& limits() const = 0;
  // Takes the model's numbers; before everything else, once.
  virtual absl::Status Load(absl::Span<const float> numbers) = 0;
  // Room for a batch of at most these sizes. The one before must be done.
  virtual absl::StatusOr<BatchInputs> Prepare(const BatchSizes& sizes) = 0;
  // Copies what was written into the inputs.
  virtual absl::Status Upload() = 0;
  // `model` is planned for segment.tile_lanes. `slot` (0 or 1) must be free: its States were read.
  virtual absl::Status Start(int slot, const TileModel& model, const Segment& segment) = 0;
  // Whether a segment is done and its states have arrived. Does not block.
  virtual absl::StatusOr<bool> Done(int slot) = 0;
  // [steps or 1, members, lanes, 2n]
  virtual absl::Span<const float> States(int slot) const = 0;
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_DEVICE_H_
