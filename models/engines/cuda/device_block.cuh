// The threads of a block, on a GPU.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_DEVICE_BLOCK_CUH_
#define ROLLOUT_MODELS_ENGINES_CUDA_DEVICE_BLOCK_CUH_

#include <cuda_pipeline_primitives.h>

#include "models/engines/cuda/tile_math.h"
#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

// What the tile code knows of the block that runs it: every thread holds one of its own.
class DeviceBlock {
 public:
  // One T for each thread: in registers, as long as it is indexed by constants.
  template <class T>
  class Private {
   public:
    __device__ __forceinline__ T& operator[](int) { return value_; }

   private:
    T value_;
  };

  template <class Function>
  __device__ __forceinline__ void Each(Function function) {
    function(static_cast<int>(threadIdx.x));
  }

  __device__ __forceinline__ void Sync() { __syncthreads(); }

  // Into shared memory without waiting; WaitForCopies waits for those of the calling thread.
  __device__ __forceinline__ void CopyAsync(float* to, const float* from) {
    __pipeline_memcpy_async(to, from, sizeof(float));
    __pipeline_commit();
  }
  __device__ __forceinline__ void WaitForCopies() { __pipeline_wait_prior(0); }

  // Adds kCount numbers over kSplit neighbouring threads of a warp. As long as there is more than
  // one number left, both halves of the threads exchange halves of the numbers, so that each thread
  // ends with the sums of its share: kCount exchanges in all, not kCount log2(kSplit).
  template <int kSplit, int kCount, class Sums>
  __device__ __forceinline__ void Fold(Private<Sums>& sums) {
    if constexpr (kSplit > 1) {
      constexpr int kMask = kSplit / 2;
      float* value = sums[0].value;
      const bool upper = (threadIdx.x & kMask) != 0;
      if constexpr (kCount > 1) {
        ROLLOUT_UNROLL
        for (int i = 0; i < kCount / 2; ++i) {
          const float mine = upper ? value[i + kCount / 2] : value[i];
          const float theirs = upper ? value[i] : value[i + kCount / 2];
          value[i] = mine + __shfl_xor_sync(0xffffffffu, theirs, kMask);
        }
        Fold<kSplit / 2, kCount / 2>(sums);
      } else {
        value[0] += __shfl_xor_sync(0xffffffffu, value[0], kMask);
        Fold<kSplit / 2, 1>(sums);
      }
    }
  }
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_DEVICE_BLOCK_CUH_
