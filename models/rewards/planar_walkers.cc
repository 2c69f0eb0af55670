#include "models/rewards/planar_walkers.h"

#include <cmath>

#include "models/rewards/control_cost.h"

namespace rollout {
namespace {

double ForwardVelocity(const TransitionView& transition) {
  return (transition.next_state[0] - transition.state[0]) / transition.dt;
}

// Of forward velocity - weight |u|^2; being healthy is a step.
void AddWalkerGradient(const TransitionView& transition, double weight,
                       const RewardGradient& gradient) {
  gradient.next_state[0] += 1.0 / transition.dt;
  gradient.state[0] -= 1.0 / transition.dt;
  AddControlCostGradient(weight, transition.control, gradient.control);
}

}  // namespace

bool HopperTermination(const TransitionView& transition) {
  const absl::Span<const double> state = transition.next_state;
  for (size_t i = 2; i < state.size(); ++i) {
    if (!(std::abs(state[i]) < 100.0)) return true;
  }
  return !(state[1] > 0.7 && std::abs(state[2]) < 0.2);
}

double HopperReward(const TransitionView& transition) {
  const double healthy = HopperTermination(transition) ? 0.0 : 1.0;
  return ForwardVelocity(transition) + healthy - 1e-3 * SumOfSquares(transition.control);
}

bool Walker2dTermination(const TransitionView& transition) {
  const double z = transition.next_state[1];
  const double angle = transition.next_state[2];
  return !(z > 0.8 && z < 2.0 && std::abs(angle) < 1.0);
}

double Walker2dReward(const TransitionView& transition) {
  const double healthy = Walker2dTermination(transition) ? 0.0 : 1.0;
  return ForwardVelocity(transition) + healthy - 1e-3 * SumOfSquares(transition.control);
}

double HalfCheetahReward(const TransitionView& transition) {
  return ForwardVelocity(transition) - 0.1 * SumOfSquares(transition.control);
}

double SwimmerReward(const TransitionView& transition) {
  return ForwardVelocity(transition) - 1e-4 * SumOfSquares(transition.control);
}

void AddHopperGradient(const TransitionView& transition, const RewardGradient& gradient) {
  AddWalkerGradient(transition, 1e-3, gradient);
}

void AddWalker2dGradient(const TransitionView& transition, const RewardGradient& gradient) {
  AddWalkerGradient(transition, 1e-3, gradient);
}

void AddHalfCheetahGradient(const TransitionView& transition, const RewardGradient& gradient) {
  AddWalkerGradient(transition, 0.1, gradient);
}

void AddSwimmerGradient(const TransitionView& transition, const RewardGradient& gradient) {
  AddWalkerGradient(transition, 1e-4, gradient);
}

}  // namespace rollout
