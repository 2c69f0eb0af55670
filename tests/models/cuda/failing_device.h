// A device that fails.
#ifndef ROLLOUT_TESTS_MODELS_CUDA_FAILING_DEVICE_H_
#define ROLLOUT_TESTS_MODELS_CUDA_FAILING_DEVICE_H_

#include "models/engines/device_fault.h"
#include "tests/models/cuda/host_tile_device.h"

namespace rollout::cuda {

// The host as a device with little memory, or one that breaks.
class FailingDevice final : public TileDevice {
 public:
  FailingDevice(int64_t most_lanes, int starts_before_failure)
      : most_lanes_(most_lanes), starts_left_(starts_before_failure), host_({}) {}

  const DeviceLimits& limits() const override { return host_.limits(); }
  absl::Status Load(absl::Span<const float> numbers) override { return host_.Load(numbers); }
  absl::StatusOr<BatchInputs> Prepare(const BatchSizes& sizes) override {
    if (sizes.lanes > most_lanes_) {
      return DeviceFaultError(DeviceFault::kOutOfMemory, "no room for the batch");
    }
    return host_.Prepare(sizes);
  }
  absl::Status Upload() override { return host_.Upload(); }
  absl::Status Start(int slot, const TileModel& model, const Segment& segment) override {
    if (starts_left_-- <= 0) {
      return DeviceFaultError(DeviceFault::kStickyError, "an illegal address was encountered");
    }
    return host_.Start(slot, model, segment);
  }
  absl::StatusOr<bool> Done(int slot) override { return host_.Done(slot); }
  absl::Span<const float> States(int slot) const override { return host_.States(slot); }

 private:
  const int64_t most_lanes_;
  int starts_left_;
  HostTileDevice host_;
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_TESTS_MODELS_CUDA_FAILING_DEVICE_H_
