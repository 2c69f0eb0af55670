#include "tests/models/cuda/host_tile_device.h"
#include "tests/models/cuda/test_device.h"

namespace rollout::cuda {

std::string MissingTestDevice() { return ""; }

std::unique_ptr<TileDevice> MakeTestDevice(ThreadOrder order) {
  return std::make_unique<HostTileDevice>(HostTileDeviceOptions{.order = order});
}

}  // namespace rollout::cuda
