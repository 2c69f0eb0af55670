#include "trainer/arithmetic/elementwise.h"

#include <algorithm>
#include <cmath>

// The loops below are compiled once for every kind of processor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/arithmetic/elementwise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rollout {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

void AddBiasAndRectifyLoop(int rows, int columns, const float* __restrict bias,
                           float* __restrict matrix) {
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) {
      const float sum = matrix[i] + bias[i];
      matrix[i] = sum > 0.0f ? sum : 0.0f;
    }
  }
}

void BackThroughRectifierLoop(size_t count, const float* __restrict activation,
                              float* __restrict gradient) {
  for (size_t i = 0; i < count; ++i) gradient[i] = activation[i] > 0.0f ? gradient[i] : 0.0f;
}

void SumRowsLoop(int rows, int columns, const float* __restrict matrix, float* __restrict sums) {
  std::fill(sums, sums + columns, 0.0f);
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) sums[i] += matrix[i];
  }
}

void MoveTowardsLoop(size_t count, float rate, const float* __restrict source,
                     float* __restrict target) {
  for (size_t i = 0; i < count; ++i) target[i] += rate * (source[i] - target[i]);
}

// Vectors by hand: the compiler does not vectorise std::sqrt, which may set errno.
void AdamLoop(size_t count, float rate, float root_scale, const float* gradient, float* first,
              float* second, float* parameters) {
  constexpr float kBeta1 = 0.9f;
  constexpr float kBeta2 = 0.999f;
  constexpr float kEpsilon = 1e-8f;
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto g = hn::LoadU(d, gradient + i);
    const auto m = hn::LoadU(d, first + i);
    const auto new_m = hn::MulAdd(hn::Set(d, 1.0f - kBeta1), hn::Sub(g, m), m);
    const auto new_v = hn::MulAdd(hn::Set(d, kBeta2), hn::LoadU(d, second + i),
                                  hn::Mul(hn::Set(d, 1.0f - kBeta2), hn::Mul(g, g)));
    const auto denominator =
        hn::MulAdd(hn::Sqrt(new_v), hn::Set(d, root_scale), hn::Set(d, kEpsilon));
    const auto step = hn::Div(hn::Mul(hn::Set(d, rate), new_m), denominator);
    hn::StoreU(new_m, d, first + i);
    hn::StoreU(new_v, d, second + i);
    hn::StoreU(hn::Sub(hn::LoadU(d, parameters + i), step), d, parameters + i);
  }
  for (; i < count; ++i) {
    const float g = gradient[i];
    first[i] += (1.0f - kBeta1) * (g - first[i]);
    second[i] = kBeta2 * second[i] + (1.0f - kBeta2) * g * g;
    parameters[i] -= rate * first[i] / (std::sqrt(second[i]) * root_scale + kEpsilon);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rollout
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout {
namespace {

HWY_EXPORT(AddBiasAndRectifyLoop);
HWY_EXPORT(BackThroughRectifierLoop);
HWY_EXPORT(SumRowsLoop);
HWY_EXPORT(MoveTowardsLoop);
HWY_EXPORT(AdamLoop);

}  // namespace

void AddBiasAndRectify(int rows, int columns, const float* bias, float* matrix) {
  HWY_DYNAMIC_DISPATCH(AddBiasAndRectifyLoop)(rows, columns, bias, matrix);
}

void AddBias(int rows, int columns, const float* bias, float* matrix) {
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) matrix[i] += bias[i];
  }
}

void BackThroughRectifier(size_t count, const float* activation, float* gradient) {
  HWY_DYNAMIC_DISPATCH(BackThroughRectifierLoop)(count, activation, gradient);
}

void SumRows(int rows, int columns, const float* matrix, float* sums) {
  HWY_DYNAMIC_DISPATCH(SumRowsLoop)(rows, columns, matrix, sums);
}

void MoveTowards(size_t count, float rate, const float* source, float* target) {
  HWY_DYNAMIC_DISPATCH(MoveTowardsLoop)(count, rate, source, target);
}

void AdamStep(size_t count, float learning_rate, int64_t step, const float* gradient, float* first,
              float* second, float* parameters) {
  // Both bias corrections become factors of the whole step.
  const double correction1 = 1.0 - std::pow(0.9, static_cast<double>(step));
  const double correction2 = 1.0 - std::pow(0.999, static_cast<double>(step));
  HWY_DYNAMIC_DISPATCH(AdamLoop)
  (count, static_cast<float>(learning_rate / correction1),
   static_cast<float>(1.0 / std::sqrt(correction2)), gradient, first, second, parameters);
}

}  // namespace rollout
#endif  // HWY_ONCE
