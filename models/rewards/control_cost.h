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

}  // namespace rollout

#endif  // ROLLOUT_MODELS_REWARDS_CONTROL_COST_H_
