#include "models/engines/rollout_objective.h"

#include <cmath>
#include <cstddef>

namespace rollout {
namespace {

double Weight(absl::Span<const float> weights, size_t i) {
  return weights.empty() ? 0.0 : static_cast<double>(weights[i]);
}

// Into (-π, π].
double Wrapped(double angle) {
  constexpr double kTurn = 6.283185307179586;
  const double rest = std::remainder(angle, kTurn);  // in [-π, π]
  return rest <= -kTurn / 2 ? kTurn / 2 : rest;
}

}  // namespace

absl::StatusOr<RolloutObjective> RolloutObjective::Find(const TransitionModelSpec& spec) {
  RolloutObjective objective;
  if (!spec.reward.empty()) {
    auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
    if (!reward.ok()) return reward.status();
    objective.reward = *reward;
  }
  if (!spec.termination.empty()) {
    auto termination = FindTermination(spec.termination, spec.num_positions, spec.num_controls);
    if (!termination.ok()) return termination.status();
    objective.termination = *termination;
  }
  return objective;
}

double TransitionCost(const RolloutJob& job, const TransitionModelSpec& spec, int64_t step,
                      const float* control, const float* previous_control,
                      const double* next_state) {
  const DiagonalCost& cost = *job.cost;
  const size_t state_size = static_cast<size_t>(spec.state_size());
  const size_t nu = static_cast<size_t>(spec.num_controls);
  const bool last = step + 1 == job.horizon;
  double sum = 0.0;
  if (!cost.state.empty() || (last && !cost.terminal.empty())) {
    const size_t row = cost.reference.size() > state_size ? static_cast<size_t>(step + 1) : 0;
    size_t next_angle = 0;
    for (size_t i = 0; i < state_size; ++i) {
      double difference = next_state[i];
      if (!cost.reference.empty()) {
        difference -= static_cast<double>(cost.reference[row * state_size + i]);
      }
      if (next_angle < spec.angular_positions.size() &&
          i == static_cast<size_t>(spec.angular_positions[next_angle])) {
        difference = Wrapped(difference);
        ++next_angle;
      }
      const double weight = Weight(cost.state, i) + (last ? Weight(cost.terminal, i) : 0.0);
      // A weight of nothing asks nothing, whatever the state.
      if (weight != 0.0) sum += weight * difference * difference;
    }
  }
  for (size_t k = 0; k < nu; ++k) {
    const double u = static_cast<double>(control[k]);
    sum += Weight(cost.control, k) * u * u;
    if (previous_control == nullptr) continue;
    const double change = u - static_cast<double>(previous_control[k]);
    sum += Weight(cost.control_change, k) * change * change;
  }
  return sum;
}

}  // namespace rollout
