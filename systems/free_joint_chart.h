// Coordinates for a body on a free joint, whose quaternion makes MuJoCo's q one number longer than
// v.
#ifndef ROLLOUT_SYSTEMS_FREE_JOINT_CHART_H_
#define ROLLOUT_SYSTEMS_FREE_JOINT_CHART_H_

#include "absl/types/span.h"

namespace rollout {

// A raw state is MuJoCo's [q, v] of a free joint followed by joints of one degree of freedom:
//   q = [x, y, z, quaternion w x y z, joints..], v = [world velocity, body angular velocity, ..].
// The chart has as many positions as velocities, n = 6 + joints:
//   [x, y, z, yaw, pitch, roll, joints..] and their time derivatives,
// with the orientation Rz(yaw) Ry(pitch) Rx(roll). With the body's angular velocity w,
//   roll'  = w_x + tan(pitch) (w_y sin(roll) + w_z cos(roll))
//   pitch' = w_y cos(roll) - w_z sin(roll)
//   yaw'   = (w_y sin(roll) + w_z cos(roll)) / cos(pitch),
// which is singular at a pitch of +-90 degrees. Yaw and roll are unwrapped along an episode. A
// value; any thread.
class FreeJointChart {
 public:
  explicit FreeJointChart(int joints) : joints_(joints) {}

  int num_positions() const { return 6 + joints_; }  // n
  int raw_size() const { return 13 + 2 * joints_; }

  // raw [13 + 2 joints] -> state [2n]. Of the turns that an angle leaves open, the nearest to those
  // in `previous` [2n] (the state one step before; empty at an episode's start: within +-pi).
  void ToChart(absl::Span<const double> raw, absl::Span<const double> previous,
               absl::Span<double> state) const;

  // state [2n] -> raw, the quaternion of unit length with w >= 0.
  void FromChart(absl::Span<const double> state, absl::Span<double> raw) const;

  // Within 5 degrees of the singular pitch: rates of yaw and roll grow without bound there, and
  // such states are left out of training and evaluation.
  bool NearSingular(absl::Span<const double> state) const;

 private:
  const int joints_;
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_FREE_JOINT_CHART_H_
