#include "trainer/fitting/adam.h"

#include <cmath>
#include <numbers>

namespace rollout {

void Adam::Step(int64_t step, double learning_rate, absl::Span<const float> gradient,
                absl::Span<float> parameters) {
  constexpr float kBeta1 = 0.9f, kBeta2 = 0.999f, kEpsilon = 1e-8f;
  const double count = static_cast<double>(step + 1);
  const double correction1 = 1.0 - std::pow(0.9, count);
  const double correction2 = 1.0 - std::pow(0.999, count);
  const float rate = static_cast<float>(learning_rate / correction1);
  const float inverse_root = static_cast<float>(1.0 / std::sqrt(correction2));
  const bool decoupled = where_ == WeightDecay::kDecoupled;
  const float decay = decoupled ? 0.0f : static_cast<float>(weight_decay_);
  const float shrink = decoupled ? static_cast<float>(1.0 - learning_rate * weight_decay_) : 1.0f;
  float* parameter = parameters.data();
  float* first = first_.data();
  float* second = second_.data();
  for (size_t i = 0; i < gradient.size(); ++i) {
    const float g = gradient[i] + decay * parameter[i];
    first[i] = kBeta1 * first[i] + (1.0f - kBeta1) * g;
    second[i] = kBeta2 * second[i] + (1.0f - kBeta2) * g * g;
    parameter[i] =
        shrink * parameter[i] - rate * first[i] / (std::sqrt(second[i]) * inverse_root + kEpsilon);
  }
}

double CosineLearningRate(double start, double end, int64_t step, int64_t steps) {
  const double fraction = static_cast<double>(step) / static_cast<double>(steps);
  return end + 0.5 * (start - end) * (1.0 + std::cos(std::numbers::pi * fraction));
}

double ClipNorm(double limit, absl::Span<float> gradient) {
  double sum = 0.0;
  for (const float value : gradient) sum += static_cast<double>(value) * value;
  const double norm = std::sqrt(sum);
  if (limit > 0.0 && norm > limit) {
    const float factor = static_cast<float>(limit / norm);
    for (float& value : gradient) value *= factor;
  }
  return norm;
}

}  // namespace rollout
