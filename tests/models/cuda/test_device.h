// The device that the tests of the kernels run on; which one it is depends on what is linked.
#ifndef ROLLOUT_TESTS_MODELS_CUDA_TEST_DEVICE_H_
#define ROLLOUT_TESTS_MODELS_CUDA_TEST_DEVICE_H_

#include <memory>
#include <string>

#include "models/engines/cuda/tile_device.h"
#include "tests/models/cuda/host_block.h"

namespace rollout::cuda {

// Why there is no device; empty = there is one.
std::string MissingTestDevice();

// Only the host cares for the order of threads.
std::unique_ptr<TileDevice> MakeTestDevice(ThreadOrder order);

}  // namespace rollout::cuda

#define ROLLOUT_NEEDS_TEST_DEVICE() \
  if (const std::string missing = MissingTestDevice(); !missing.empty()) GTEST_SKIP() << missing

#endif  // ROLLOUT_TESTS_MODELS_CUDA_TEST_DEVICE_H_
