#ifndef ROLLOUT_MODELS_ENGINES_CUDA_CUDA_DEVICE_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_CUDA_DEVICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/engines/cuda/tile_device.h"

namespace rollout::cuda {

// "cuda:N" → a place on that device. INVALID_ARGUMENT for any other name; UNAVAILABLE saying what
// is missing (driver, device, a kernel for its architecture).
absl::StatusOr<std::unique_ptr<TileDevice>> OpenCudaDevice(const std::string& name);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_CUDA_DEVICE_H_
