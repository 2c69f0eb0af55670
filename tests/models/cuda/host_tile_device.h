// A device whose multiprocessors are the calling thread.
#ifndef ROLLOUT_TESTS_MODELS_CUDA_HOST_TILE_DEVICE_H_
#define ROLLOUT_TESTS_MODELS_CUDA_HOST_TILE_DEVICE_H_

#include <vector>

#include "models/engines/cuda/tile_device.h"
#include "tests/models/cuda/host_block.h"

namespace rollout::cuda {

struct HostTileDeviceOptions {
  int multiprocessors = 2;
  int64_t shared_bytes = 227 << 10;  // as a block may use on an H100
  ThreadOrder order = ThreadOrder::kAscending;
};

// Runs the kernels' code on the host, tile after tile. Keeps count of what it was asked to do.
class HostTileDevice final : public TileDevice {
 public:
  explicit HostTileDevice(const HostTileDeviceOptions& options);

  const DeviceLimits& limits() const override { return limits_; }
  absl::Status Load(absl::Span<const float> numbers) override;
  absl::StatusOr<BatchInputs> Prepare(const BatchSizes& sizes) override;
  absl::Status Upload() override { return absl::OkStatus(); }
  absl::Status Start(int slot, const TileModel& model, const Segment& segment) override;
  absl::StatusOr<bool> Done(int slot) override;
  absl::Span<const float> States(int slot) const override { return states_[slot]; }

 private:
  const HostTileDeviceOptions options_;
  const DeviceLimits limits_;
  std::vector<float> numbers_, carried_, controls_, states_[2];
  std::vector<TileLane> lanes_;
  std::vector<int32_t> stop_;
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_TESTS_MODELS_CUDA_HOST_TILE_DEVICE_H_
