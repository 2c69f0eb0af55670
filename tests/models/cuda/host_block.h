// The threads of a block, on the host: one after the other.
#ifndef ROLLOUT_TESTS_MODELS_CUDA_HOST_BLOCK_H_
#define ROLLOUT_TESTS_MODELS_CUDA_HOST_BLOCK_H_

#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

// The order in which the threads take their turns. Code in which one thread reads what another one
// writes without a barrier in between gives different numbers in different orders.
enum class ThreadOrder { kAscending, kDescending };

// What DeviceBlock is on a GPU. A phase runs for every thread before the next one begins, so Sync
// has nothing to do.
class HostBlock {
 public:
  template <class T>
  class Private {
   public:
    T& operator[](int thread) { return values_[thread]; }

   private:
    T values_[kThreads];
  };

  explicit HostBlock(ThreadOrder order) : order_(order) {}

  template <class Function>
  void Each(Function function) {
    if (order_ == ThreadOrder::kAscending) {
      for (int thread = 0; thread < kThreads; ++thread) function(thread);
    } else {
      for (int thread = kThreads; thread-- > 0;) function(thread);
    }
  }

  void Sync() {}

  void CopyAsync(float* to, const float* from) { *to = *from; }
  void WaitForCopies() {}

  // As DeviceBlock::Fold: of kCount numbers in each of kSplit neighbouring threads every thread
  // keeps the sums of its share.
  template <int kSplit, int kCount, class Sums>
  void Fold(Private<Sums>& sums) {
    int count = kCount;
    for (int mask = kSplit / 2; mask > 0; mask /= 2) {
      for (int thread = 0; thread < kThreads; ++thread) {
        if ((thread & mask) != 0) continue;
        float* lower = sums[thread].value;
        float* upper = sums[thread | mask].value;
        if (count > 1) {
          for (int i = 0; i < count / 2; ++i) {
            lower[i] = lower[i] + upper[i];
            upper[i] = upper[count / 2 + i] + lower[count / 2 + i];
          }
        } else {
          lower[0] = upper[0] = lower[0] + upper[0];
        }
      }
      if (count > 1) count /= 2;
    }
  }

 private:
  const ThreadOrder order_;
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_TESTS_MODELS_CUDA_HOST_BLOCK_H_
