#include "models/engines/cuda/cuda_status.h"

#include "absl/strings/str_cat.h"

namespace rollout::cuda {

DeviceFault FaultOfCudaError(int error) {
  switch (error) {
    case 2:  // cudaErrorMemoryAllocation
      return DeviceFault::kOutOfMemory;
    case 700:  // cudaErrorIllegalAddress
    case 702:  // cudaErrorLaunchTimeout
    case 710:  // cudaErrorAssert
    case 714:  // cudaErrorHardwareStackError
    case 715:  // cudaErrorIllegalInstruction
    case 716:  // cudaErrorMisalignedAddress
    case 717:  // cudaErrorInvalidAddressSpace
    case 718:  // cudaErrorInvalidPc
    case 719:  // cudaErrorLaunchFailure
      return DeviceFault::kStickyError;
    default:  // no driver, no such device, memory beyond repair, a program the device cannot run, …
      return DeviceFault::kDeviceLost;
  }
}

absl::Status CudaError(int error, const std::string& device, const std::string& what,
                       const std::string& name, const std::string& text) {
  const DeviceFault fault = FaultOfCudaError(error);
  return DeviceFaultError(
      fault, absl::StrCat("device ", device, ": ", what, " failed: ", text, " (", name, ")",
                          fault == DeviceFault::kStickyError
                              ? "; CUDA refuses all further work of this process"
                              : ""));
}

}  // namespace rollout::cuda
