#include "models/rewards/pendulums.h"

#include <cmath>

#include "models/rewards/control_cost.h"

namespace rollout {
namespace {

// Lengths in metres, from inverted_double_pendulum.xml and reacher.xml.
constexpr double kPoleLength = 0.6;
constexpr double kUpperArmLength = 0.1;
constexpr double kForearmLength = 0.11;

struct Point {
  double x, y;
};

Point DoublePendulumTip(absl::Span<const double> state) {
  const double first = state[1];
  const double second = state[1] + state[2];
  return {state[0] + kPoleLength * (std::sin(first) + std::sin(second)),
          kPoleLength * (std::cos(first) + std::cos(second))};
}

Point FingertipFromTarget(absl::Span<const double> state) {
  const double shoulder = state[0];
  const double elbow = state[0] + state[1];
  return {kUpperArmLength * std::cos(shoulder) + kForearmLength * std::cos(elbow) - state[2],
          kUpperArmLength * std::sin(shoulder) + kForearmLength * std::sin(elbow) - state[3]};
}

}  // namespace

bool InvertedPendulumTermination(const TransitionView& transition) {
  for (const double value : transition.next_state) {
    if (!std::isfinite(value)) return true;
  }
  return std::abs(transition.next_state[1]) > 0.2;
}

double InvertedPendulumReward(const TransitionView& transition) {
  return InvertedPendulumTermination(transition) ? 0.0 : 1.0;
}

bool InvertedDoublePendulumTermination(const TransitionView& transition) {
  return DoublePendulumTip(transition.next_state).y <= 1.0;
}

double InvertedDoublePendulumReward(const TransitionView& transition) {
  const Point tip = DoublePendulumTip(transition.next_state);
  const double v1 = transition.next_state[4];
  const double v2 = transition.next_state[5];
  const double alive = InvertedDoublePendulumTermination(transition) ? 0.0 : 10.0;
  const double distance = 0.01 * tip.x * tip.x + (tip.y - 2.0) * (tip.y - 2.0);
  return alive - distance - 1e-3 * v1 * v1 - 5e-3 * v2 * v2;
}

double ReacherReward(const TransitionView& transition) {
  const Point reach = FingertipFromTarget(transition.next_state);
  return -std::hypot(reach.x, reach.y) - SumOfSquares(transition.control);
}

void AddInvertedPendulumGradient(const TransitionView&, const RewardGradient&) {}

void AddInvertedDoublePendulumGradient(const TransitionView& transition,
                                       const RewardGradient& gradient) {
  const absl::Span<const double> state = transition.next_state;
  const Point tip = DoublePendulumTip(state);
  const double by_x = -0.02 * tip.x;
  const double by_y = -2.0 * (tip.y - 2.0);
  const double first = state[1];
  const double second = state[1] + state[2];
  const double by_second = kPoleLength * (by_x * std::cos(second) - by_y * std::sin(second));
  gradient.next_state[0] += by_x;
  gradient.next_state[1] +=
      kPoleLength * (by_x * std::cos(first) - by_y * std::sin(first)) + by_second;
  gradient.next_state[2] += by_second;
  gradient.next_state[4] -= 2e-3 * state[4];
  gradient.next_state[5] -= 1e-2 * state[5];
}

void AddReacherGradient(const TransitionView& transition, const RewardGradient& gradient) {
  const absl::Span<const double> state = transition.next_state;
  const Point reach = FingertipFromTarget(state);
  const double distance = std::hypot(reach.x, reach.y);
  if (distance > 0.0) {
    const double by_x = -reach.x / distance;
    const double by_y = -reach.y / distance;
    const double elbow = state[0] + state[1];
    const double by_elbow = kForearmLength * (by_y * std::cos(elbow) - by_x * std::sin(elbow));
    gradient.next_state[0] +=
        kUpperArmLength * (by_y * std::cos(state[0]) - by_x * std::sin(state[0])) + by_elbow;
    gradient.next_state[1] += by_elbow;
    gradient.next_state[2] -= by_x;
    gradient.next_state[3] -= by_y;
  }
  AddControlCostGradient(1.0, transition.control, gradient.control);
}

}  // namespace rollout
