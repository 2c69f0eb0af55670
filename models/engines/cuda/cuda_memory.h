// Memory of a device, and memory of the host that a device copies from and to.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_CUDA_MEMORY_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_CUDA_MEMORY_H_

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

namespace rollout::cuda {

struct DeviceAllocator {
  static cudaError_t Allocate(void** data, size_t bytes) { return cudaMalloc(data, bytes); }
  static void Free(void* data) { cudaFree(data); }
};
// Pinned, and readable by kernels at the same address.
struct PinnedAllocator {
  static cudaError_t Allocate(void** data, size_t bytes) {
    return cudaHostAlloc(data, bytes, cudaHostAllocMapped | cudaHostAllocPortable);
  }
  static void Free(void* data) { cudaFreeHost(data); }
};

// An array that grows when it must and never shrinks, and loses its contents then. Owned by one;
// the device must be the calling thread's current one, also when it is destroyed.
template <class T, class Allocator>
class GrowingArray {
 public:
  GrowingArray() = default;
  ~GrowingArray() { Release(); }
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;

  cudaError_t Reserve(int64_t count) {
    if (count <= capacity_) return cudaSuccess;
    Release();
    // A quarter more than asked for: batches grow little by little.
    const int64_t wanted = std::max<int64_t>(count + count / 4, 256);
    void* data = nullptr;
    const cudaError_t error = Allocator::Allocate(&data, static_cast<size_t>(wanted) * sizeof(T));
    if (error != cudaSuccess) return error;
    data_ = static_cast<T*>(data);
    capacity_ = wanted;
    return cudaSuccess;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }

 private:
  void Release() {
    if (data_ != nullptr) Allocator::Free(data_);
    data_ = nullptr;
    capacity_ = 0;
  }

  T* data_ = nullptr;
  int64_t capacity_ = 0;
};

template <class T>
using DeviceArray = GrowingArray<T, DeviceAllocator>;
template <class T>
using PinnedArray = GrowingArray<T, PinnedAllocator>;

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_CUDA_MEMORY_H_
