#include "server/config/device_check.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rollout {

absl::StatusOr<int> CountCudaDevices() {
  // Never closed: the engine will want it too.
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return absl::UnavailableError("there is no CUDA driver on this machine");
  const auto init = reinterpret_cast<int (*)(unsigned int)>(dlsym(driver, "cuInit"));
  const auto count = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  if (init == nullptr || count == nullptr) {
    return absl::UnavailableError("libcuda.so.1 is not CUDA's driver");
  }
  constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE
  int devices = 0;
  int error = init(0);
  if (error == 0) error = count(&devices);
  if (error == 0 || error == kNoDevice) return devices;
  return absl::UnavailableError(absl::StrCat("CUDA's driver fails with error ", error));
}

absl::Status CheckDevice(const std::string& device, const CountDevices& count) {
  int index = 0;
  if (device.rfind("cuda:", 0) != 0 || !absl::SimpleAtoi(device.substr(5), &index)) {
    return absl::OkStatus();
  }
  const auto devices = count();
  if (devices.ok() && index < *devices) return absl::OkStatus();
  const std::string found = !devices.ok() ? std::string(devices.status().message())
                            : *devices == 0
                                ? "CUDA's driver sees no device (CUDA_VISIBLE_DEVICES?)"
                                : absl::StrCat("CUDA's driver sees ", *devices, ", counted from 0");
  return absl::UnavailableError(
      absl::StrCat("--device=", device, ": ", found,
                   "; install NVIDIA's driver, give the container its GPU (docker run --gpus all, "
                   "nvidia.com/gpu in Kubernetes), or start with --device=auto"));
}

}  // namespace rollout
