#include "models/engines/torch/device.h"

#include <ATen/core/Tensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/engines/device_fault.h"

namespace rollout {
namespace {

// libtorch_cuda.so belongs beside the libtorch_cpu.so that this process runs with.
std::filesystem::path CudaLibrary() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&at::detail::getCUDAHooks), &info) == 0) {
    return "libtorch_cuda.so";
  }
  return std::filesystem::path(info.dli_fname).parent_path() / "libtorch_cuda.so";
}

// To be called before anything asks LibTorch about CUDA: it looks for that half of itself once, at
// the first question, and CPU rollouts ask none. Its symbols are global, as in Python's torch,
// since the libraries that it loads later (linear algebra, cuDNN's engines) look for them.
absl::Status LoadCuda(const std::string& device) {
  const std::filesystem::path library = CudaLibrary();
  dlerror();
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* message = dlerror();
    return absl::UnavailableError(absl::StrCat(
        "device ", device, ": the torch engine needs LibTorch's CUDA libraries, but cannot open ",
        library.string(), ": ", message == nullptr ? "no message" : message));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<c10::Device> OpenTorchDevice(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  int index = -1;
  if (name.rfind("cuda:", 0) != 0 || !absl::SimpleAtoi(name.substr(5), &index) || index < 0 ||
      index > 127) {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", name, "\": expected \"cpu\" or \"cuda:N\" with N = 0, 1, …"));
  }
  if (absl::Status status = LoadCuda(name); !status.ok()) return status;
  try {
    const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
    const int count = cuda.hasCUDA() ? cuda.deviceCount() : 0;
    if (index >= count) {
      return DeviceFaultError(
          DeviceFault::kDeviceLost,
          absl::StrCat("device ", name, ": LibTorch sees ", count,
                       " CUDA devices (no driver, no device, or hidden by CUDA_VISIBLE_DEVICES)"));
    }
    cuda.init();
  } catch (const c10::Error& error) {
    return DeviceFaultError(DeviceFault::kDeviceLost,
                            absl::StrCat("device ", name, ": ", error.what_without_backtrace()));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace rollout
