#include "trainer/sac/elementwise.h"

#include <algorithm>
#include <cmath>

namespace rollout {

void AddBiasAndRectify(int rows, int columns, const float* __restrict bias,
                       float* __restrict matrix) {
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) {
      const float sum = matrix[i] + bias[i];
      matrix[i] = sum > 0.0f ? sum : 0.0f;
    }
  }
}

void AddBias(int rows, int columns, const float* __restrict bias, float* __restrict matrix) {
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) matrix[i] += bias[i];
  }
}

void BackThroughRectifier(size_t count, const float* __restrict activation,
                          float* __restrict gradient) {
  for (size_t i = 0; i < count; ++i) gradient[i] = activation[i] > 0.0f ? gradient[i] : 0.0f;
}

void SumRows(int rows, int columns, const float* __restrict matrix, float* __restrict sums) {
  std::fill(sums, sums + columns, 0.0f);
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) sums[i] += matrix[i];
  }
}

void MoveTowards(size_t count, float rate, const float* __restrict source,
                 float* __restrict target) {
  for (size_t i = 0; i < count; ++i) target[i] += rate * (source[i] - target[i]);
}

void AdamStep(size_t count, float learning_rate, int64_t step, const float* __restrict gradient,
              float* __restrict first, float* __restrict second, float* __restrict parameters) {
  constexpr float kBeta1 = 0.9f;
  constexpr float kBeta2 = 0.999f;
  constexpr float kEpsilon = 1e-8f;
  // Both bias corrections become factors of the whole step.
  const double correction1 = 1.0 - std::pow(0.9, static_cast<double>(step));
  const double correction2 = 1.0 - std::pow(0.999, static_cast<double>(step));
  const float rate = static_cast<float>(learning_rate / correction1);
  const float root_scale = static_cast<float>(1.0 / std::sqrt(correction2));
  for (size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    first[i] += (1.0f - kBeta1) * (g - first[i]);
    second[i] = kBeta2 * second[i] + (1.0f - kBeta2) * g * g;
    parameters[i] -= rate * first[i] / (std::sqrt(second[i]) * root_scale + kEpsilon);
  }
}

}  // namespace rollout
