#include "systems/free_joint_chart.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "systems/nearest_turn.h"

namespace rollout {
namespace {

constexpr int kPosition = 3;    // x, y, z
constexpr int kQuaternion = 4;  // w, x, y, z
constexpr int kYaw = 3, kPitch = 4, kRoll = 5;

}  // namespace

void FreeJointChart::ToChart(absl::Span<const double> raw, absl::Span<const double> previous,
                             absl::Span<double> state) const {
  const int n = num_positions();
  const double* q = raw.data();
  const double* v = raw.data() + kPosition + kQuaternion + joints_;
  const double length = std::sqrt(q[3] * q[3] + q[4] * q[4] + q[5] * q[5] + q[6] * q[6]);
  const double w = q[3] / length, x = q[4] / length, y = q[5] / length, z = q[6] / length;
  // The rotation's first column and last row: all that the angles need.
  const double r00 = 1 - 2 * (y * y + z * z), r10 = 2 * (x * y + w * z);
  const double r20 = 2 * (x * z - w * y), r21 = 2 * (y * z + w * x);
  const double r22 = 1 - 2 * (x * x + y * y);
  double yaw = std::atan2(r10, r00);
  const double pitch = std::atan2(-r20, std::hypot(r21, r22));
  double roll = std::atan2(r21, r22);
  if (!previous.empty()) {
    yaw = NearestTurn(yaw, previous[kYaw]);
    roll = NearestTurn(roll, previous[kRoll]);
  }
  const double across = v[4] * std::sin(roll) + v[5] * std::cos(roll);
  std::copy_n(q, kPosition, state.begin());
  state[kYaw] = yaw;
  state[kPitch] = pitch;
  state[kRoll] = roll;
  std::copy_n(q + kPosition + kQuaternion, joints_, state.begin() + 6);
  std::copy_n(v, kPosition, state.begin() + n);
  state[n + kYaw] = across / std::cos(pitch);
  state[n + kPitch] = v[4] * std::cos(roll) - v[5] * std::sin(roll);
  state[n + kRoll] = v[3] + std::tan(pitch) * across;
  std::copy_n(v + 6, joints_, state.begin() + n + 6);
}

void FreeJointChart::FromChart(absl::Span<const double> state, absl::Span<double> raw) const {
  const int n = num_positions();
  const double* rates = state.data() + n;
  const double yaw = state[kYaw], pitch = state[kPitch], roll = state[kRoll];
  const double cy = std::cos(yaw / 2), sy = std::sin(yaw / 2);
  const double cp = std::cos(pitch / 2), sp = std::sin(pitch / 2);
  const double cr = std::cos(roll / 2), sr = std::sin(roll / 2);
  double quaternion[kQuaternion] = {cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy,
                                    cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy};
  const double sign = quaternion[0] < 0.0 ? -1.0 : 1.0;
  double* q = raw.data();
  double* v = raw.data() + kPosition + kQuaternion + joints_;
  std::copy_n(state.begin(), kPosition, q);
  for (int i = 0; i < kQuaternion; ++i) q[kPosition + i] = sign * quaternion[i];
  std::copy_n(state.begin() + 6, joints_, q + kPosition + kQuaternion);
  std::copy_n(rates, kPosition, v);
  v[3] = rates[kRoll] - rates[kYaw] * std::sin(pitch);
  v[4] = rates[kPitch] * std::cos(roll) + rates[kYaw] * std::sin(roll) * std::cos(pitch);
  v[5] = -rates[kPitch] * std::sin(roll) + rates[kYaw] * std::cos(roll) * std::cos(pitch);
  std::copy_n(rates + 6, joints_, v + 6);
}

bool FreeJointChart::NearSingular(absl::Span<const double> state) const {
  constexpr double kMargin = 5.0 * std::numbers::pi / 180.0;
  return std::abs(std::abs(state[kPitch]) - std::numbers::pi / 2) < kMargin;
}

}  // namespace rollout
