#ifndef ROLLOUT_MODELS_REWARDS_CONTROL_COST_H_
#define ROLLOUT_MODELS_REWARDS_CONTROL_COST_H_

#include "absl/types/span.h"

namespace rollout {

// |u|^2, what every task of Gymnasium weighs as the cost of control.
inline double SumOfSquares(absl::Span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return sum;
}

// Adds the derivative of -weight |u|^2.
inline void AddControlCostGradient(double weight, absl::Span<const double> control,
                                   absl::Span<double> gradient) {
  for (size_t i = 0; i < control.size(); ++i) gradient[i] -= 2.0 * weight * control[i];
}

}  // namespace rollout

#endif  // ROLLOUT_MODELS_REWARDS_CONTROL_COST_H_
