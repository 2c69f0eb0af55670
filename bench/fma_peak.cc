#include "bench/fma_peak.h"

#include <chrono>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/fma_peak.cc"
#include "hwy/aligned_allocator.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = 12;  // two multiply-adds begin in each cycle and take four

// `rounds` times kChains multiply-adds. Returns numbers in one vector; `sink` keeps the work.
int MultiplyAdd(int rounds, float* sink) {
  const hn::ScalableTag<float> d;
  hn::Vec<decltype(d)> sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  const auto factor = hn::Set(d, 0.99f);
  const auto term = hn::Set(d, 0.01f);
  for (int round = 0; round < rounds; ++round) {
    HWY_PRAGMA(GCC unroll 12)
    for (int i = 0; i < kChains; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
  }
  for (int i = 1; i < kChains; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  hn::StoreU(sums[0], d, sink);
  return static_cast<int>(hn::MaxLanes(d));
}

int Read(const float* values, int floats, int times, float* sink) {
  const hn::ScalableTag<float> d;
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d));
  hn::Vec<decltype(d)> sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = hn::Zero(d);
  for (int time = 0; time < times; ++time) {
    for (int k = 0; k < floats; k += 8 * kLanes) {
      HWY_PRAGMA(GCC unroll 8)
      for (int i = 0; i < 8; ++i) sums[i] = hn::Add(sums[i], hn::Load(d, values + k + i * kLanes));
    }
    asm volatile("" ::: "memory");  // read again
  }
  for (int i = 1; i < 8; ++i) sums[0] = hn::Add(sums[0], sums[i]);
  hn::StoreU(sums[0], d, sink);
  return kLanes;
}

}  // namespace rollout::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout::bench {
namespace {

HWY_EXPORT(MultiplyAdd);
HWY_EXPORT(Read);

template <typename Function>
double Seconds(Function function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double MeasureFmaPeak() {
  constexpr int kRounds = 200'000;
  constexpr int kMultiplyAddsPerRound = 12;
  float sink[64];
  int lanes = 0;
  const double seconds = Seconds([&] { lanes = HWY_DYNAMIC_DISPATCH(MultiplyAdd)(kRounds, sink); });
  return 2.0 * kRounds * kMultiplyAddsPerRound * lanes / seconds * 1e-9;
}

double MeasureClock() {
  constexpr int64_t kRounds = 50'000;
  constexpr int kAdditionsPerRound = 8;
  uint64_t sum = 0;
  const double seconds = Seconds([&sum] {
    for (int64_t round = 0; round < kRounds; ++round) {
      HWY_PRAGMA(GCC unroll 8)
      for (int i = 0; i < kAdditionsPerRound; ++i) {
        sum += 1;
        asm volatile("" : "+r"(sum));  // one by one
      }
    }
  });
  return static_cast<double>(kRounds * kAdditionsPerRound) / seconds;
}

double MeasureStreaming(int floats, int times) {
  constexpr int kAtOnce = 128;  // of 8 of the widest vectors
  const int rounded = (floats + kAtOnce - 1) / kAtOnce * kAtOnce;
  const auto values = hwy::AllocateAligned<float>(rounded);
  for (int i = 0; i < rounded; ++i) values[i] = 1.0f;
  float sink[64];
  return 1e3 * Seconds([&] { HWY_DYNAMIC_DISPATCH(Read)(values.get(), rounded, times, sink); });
}

}  // namespace rollout::bench
#endif  // HWY_ONCE
