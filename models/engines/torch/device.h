// Finds the device that an engine computes on.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_H_

#include <c10/core/Device.h>

#include <string>

#include "absl/status/statusor.h"

namespace rollout {

// "cpu" or "cuda:N" → the device, ready for use. For CUDA the half of LibTorch that knows it,
// libtorch_cuda.so, is loaded from the folder of libtorch_cpu.so (seconds, the first time).
//
// INVALID_ARGUMENT for any other name; UNAVAILABLE, saying which file, driver or device is missing,
// where that device cannot be used.
absl::StatusOr<c10::Device> OpenTorchDevice(const std::string& name);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_H_
