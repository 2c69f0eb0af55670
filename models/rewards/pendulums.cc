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
  const absl::Span<const double> state = transition.next_state;
  const double shoulder = state[0];
  const double elbow = state[0] + state[1];
  const double x = kUpperArmLength * std::cos(shoulder) + kForearmLength * std::cos(elbow);
  const double y = kUpperArmLength * std::sin(shoulder) + kForearmLength * std::sin(elbow);
  return -std::hypot(x - state[2], y - state[3]) - SumOfSquares(transition.control);
}

}  // namespace rollout
