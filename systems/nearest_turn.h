#ifndef ROLLOUT_SYSTEMS_NEAREST_TURN_H_
#define ROLLOUT_SYSTEMS_NEAREST_TURN_H_

#include <cmath>
#include <numbers>

namespace rollout {

// `angle` plus the whole turns that bring it nearest to `reference` (both in radians): how an angle
// read off an orientation goes on from the one before without a jump.
inline double NearestTurn(double angle, double reference) {
  const double turn = 2.0 * std::numbers::pi;
  return angle + turn * std::round((reference - angle) / turn);
}

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_NEAREST_TURN_H_
