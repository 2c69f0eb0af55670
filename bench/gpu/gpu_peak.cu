#include <cuda_runtime_api.h>

#include <algorithm>

#include "bench/gpu/gpu_peak.h"

namespace rollout::bench {
namespace {

constexpr int kChains = 16;  // independent ones, so that none waits for its own result
constexpr int kRounds = 4096;
constexpr int kThreads = 256;
constexpr int kBlocksPerMultiprocessor = 8;

__global__ void MultiplyAdds(float* out, float a, float b) {
  float sums[kChains];
#pragma unroll
  for (int i = 0; i < kChains; ++i) sums[i] = static_cast<float>(threadIdx.x + i);
  for (int round = 0; round < kRounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) sums[i] = __fmaf_rn(sums[i], a, b);
  }
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < kChains; ++i) total += sums[i];
  // Never so, but the compiler does not know.
  if (total == 12345.678f) *out = total;
}

}  // namespace

double MeasureGpuFmaPeak(int index) {
  int multiprocessors = 0;
  float* out = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  double best = 0.0;
  if (cudaSetDevice(index) == cudaSuccess &&
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, index) ==
          cudaSuccess &&
      cudaMalloc(&out, sizeof(float)) == cudaSuccess && cudaEventCreate(&begin) == cudaSuccess &&
      cudaEventCreate(&end) == cudaSuccess) {
    const int blocks = multiprocessors * kBlocksPerMultiprocessor;
    const double flops = 2.0 * kChains * kRounds * kThreads * static_cast<double>(blocks);
    for (int run = 0; run < 20; ++run) {
      float ms = 0.0f;
      cudaEventRecord(begin);
      MultiplyAdds<<<blocks, kThreads>>>(out, 0.999f, 0.001f);
      cudaEventRecord(end);
      if (cudaEventSynchronize(end) != cudaSuccess) break;
      if (cudaEventElapsedTime(&ms, begin, end) != cudaSuccess || !(ms > 0.0f)) break;
      best = std::max(best, flops / (static_cast<double>(ms) * 1e6));
    }
  }
  if (begin != nullptr) cudaEventDestroy(begin);
  if (end != nullptr) cudaEventDestroy(end);
  if (out != nullptr) cudaFree(out);
  return best;
}

}  // namespace rollout::bench
