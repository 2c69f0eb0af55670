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

// Calls visit(i, weight, deviation) for every number of the next state that has a weight.
template <typename Visit>
void ForEachDeviation(const DiagonalCost& cost, const TransitionModelSpec& spec,
                      const CostedTransition& transition, Visit visit) {
  const size_t state_size = static_cast<size_t>(spec.state_size());
  const bool last = transition.step + 1 == transition.horizon;
  if (cost.state.empty() && !(last && !cost.terminal.empty())) return;
  const size_t row =
      cost.reference.size() > state_size ? static_cast<size_t>(transition.step + 1) : 0;
  size_t next_angle = 0;
  for (size_t i = 0; i < state_size; ++i) {
    double deviation = transition.next_state[i];
    if (!cost.reference.empty()) {
      deviation -= static_cast<double>(cost.reference[row * state_size + i]);
    }
    if (next_angle < spec.angular_positions.size() &&
        i == static_cast<size_t>(spec.angular_positions[next_angle])) {
      deviation = Wrapped(deviation);
      ++next_angle;
    }
    const double weight = Weight(cost.state, i) + (last ? Weight(cost.terminal, i) : 0.0);
    // A weight of nothing asks nothing, whatever the state.
    if (weight != 0.0) visit(i, weight, deviation);
  }
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

double TransitionCost(const DiagonalCost& cost, const TransitionModelSpec& spec,
                      const CostedTransition& transition) {
  double sum = 0.0;
  ForEachDeviation(cost, spec, transition, [&](size_t, double weight, double deviation) {
    sum += weight * deviation * deviation;
  });
  for (size_t k = 0; k < static_cast<size_t>(spec.num_controls); ++k) {
    const double u = static_cast<double>(transition.control[k]);
    sum += Weight(cost.control, k) * u * u;
    if (transition.previous_control == nullptr) continue;
    const double change = u - static_cast<double>(transition.previous_control[k]);
    sum += Weight(cost.control_change, k) * change * change;
  }
  return sum;
}

void AddNegativeCostGradient(const DiagonalCost& cost, const TransitionModelSpec& spec,
                             const CostedTransition& transition, double weight, float* by_control,
                             float* by_previous_control, float* by_next_state) {
  ForEachDeviation(cost, spec, transition, [&](size_t i, double state_weight, double deviation) {
    by_next_state[i] -= static_cast<float>(2.0 * weight * state_weight * deviation);
  });
  for (size_t k = 0; k < static_cast<size_t>(spec.num_controls); ++k) {
    const double u = static_cast<double>(transition.control[k]);
    by_control[k] -= static_cast<float>(2.0 * weight * Weight(cost.control, k) * u);
    if (transition.previous_control == nullptr) continue;
    const double change = u - static_cast<double>(transition.previous_control[k]);
    const float slope = static_cast<float>(2.0 * weight * Weight(cost.control_change, k) * change);
    by_control[k] -= slope;
    if (by_previous_control != nullptr) by_previous_control[k] += slope;
  }
}

}  // namespace rollout
