#include "models/engines/cuda/cuda_device.h"
#include "tests/models/cuda/test_device.h"

namespace rollout::cuda {

std::string MissingTestDevice() {
  const auto device = OpenCudaDevice("cuda:0");
  return device.ok() ? "" : std::string(device.status().message());
}

std::unique_ptr<TileDevice> MakeTestDevice(ThreadOrder) {
  auto device = OpenCudaDevice("cuda:0");
  return device.ok() ? *std::move(device) : nullptr;
}

}  // namespace rollout::cuda
