// CUDA's errors as this project's.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_CUDA_STATUS_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_CUDA_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "models/engines/device_fault.h"

namespace rollout::cuda {

// What CUDA's error number `error` (not cudaSuccess) means for the engine. The numbers are fixed by
// CUDA's interface; those that the runtime documents as leaving the process in an inconsistent
// state ("further CUDA work will return the same error ... the process must be terminated") are
// sticky.
DeviceFault FaultOfCudaError(int error);

// "device cuda:0: copying inputs failed: out of memory (cudaErrorMemoryAllocation)".
absl::Status CudaError(int error, const std::string& device, const std::string& what,
                       const std::string& name, const std::string& text);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_CUDA_STATUS_H_
