// Rotating bodies: a heavy top with its tip held, and a free body.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "systems/mechanics/drawn_parameters.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"
#include "systems/nearest_turn.h"

namespace rollout {
namespace {

using Vector = std::array<double, 3>;

// An orientation R = Rz(phi) Rx(theta) Rz(psi) as intrinsic ZXZ Euler angles [phi, theta, psi] and
// their rates, or as R (row by row) and the angular velocity in the body's frame.
struct Rotation {
  std::array<double, 9> matrix;
  Vector velocity;
};

Rotation FromEuler(const double* angles, const double* rates) {
  const double cf = std::cos(angles[0]), sf = std::sin(angles[0]);
  const double ct = std::cos(angles[1]), st = std::sin(angles[1]);
  const double cp = std::cos(angles[2]), sp = std::sin(angles[2]);
  Rotation rotation;
  rotation.matrix = {cf * cp - sf * ct * sp,
                     -cf * sp - sf * ct * cp,
                     sf * st,
                     sf * cp + cf * ct * sp,
                     -sf * sp + cf * ct * cp,
                     -cf * st,
                     st * sp,
                     st * cp,
                     ct};
  rotation.velocity = {rates[0] * st * sp + rates[1] * cp, rates[0] * st * cp - rates[1] * sp,
                       rates[0] * ct + rates[2]};
  return rotation;
}

// (phi, theta, psi) and (phi + pi, -theta, psi + pi) are one orientation: of both, and of all whole
// turns, the one nearest to the angles on entry, so that a motion's angles have no jumps.
void ToEuler(const Rotation& rotation, double* angles, double* rates) {
  const std::array<double, 9>& r = rotation.matrix;
  const double theta = std::atan2(std::hypot(r[2], r[5]), r[8]);
  const double phi = std::atan2(r[2], -r[5]);
  const double psi = std::atan2(r[6], r[7]);
  Vector best = {};
  double least = 0.0;
  for (int branch = 0; branch < 2; ++branch) {
    const double half_turn = branch * std::numbers::pi;
    const Vector candidate = {NearestTurn(phi + half_turn, angles[0]),
                              NearestTurn(branch == 0 ? theta : -theta, angles[1]),
                              NearestTurn(psi + half_turn, angles[2])};
    double distance = 0.0;
    for (int i = 0; i < 3; ++i) distance += std::abs(candidate[i] - angles[i]);
    if (branch == 0 || distance < least) {
      best = candidate;
      least = distance;
    }
  }
  std::copy(best.begin(), best.end(), angles);
  const Vector& w = rotation.velocity;
  const double cp = std::cos(angles[2]), sp = std::sin(angles[2]);
  rates[0] = (w[0] * sp + w[1] * cp) / std::sin(angles[1]);
  rates[1] = w[0] * cp - w[1] * sp;
  rates[2] = w[2] - rates[0] * std::cos(angles[1]);
}

// dR/dt = R [w]x; J dw/dt = (J w) x w + torque, in the principal axes of the body.
void RotationDerivative(const double* matrix, const double* w, const Vector& inertia,
                        const Vector& torque, double* matrix_rate, double* w_rate) {
  for (int row = 0; row < 3; ++row) {
    const double* r = matrix + 3 * row;
    matrix_rate[3 * row + 0] = r[1] * w[2] - r[2] * w[1];
    matrix_rate[3 * row + 1] = r[2] * w[0] - r[0] * w[2];
    matrix_rate[3 * row + 2] = r[0] * w[1] - r[1] * w[0];
  }
  w_rate[0] = ((inertia[1] - inertia[2]) * w[1] * w[2] + torque[0]) / inertia[0];
  w_rate[1] = ((inertia[2] - inertia[0]) * w[2] * w[0] + torque[1]) / inertia[1];
  w_rate[2] = ((inertia[0] - inertia[1]) * w[0] * w[1] + torque[2]) / inertia[2];
}

double RotationalEnergy(const Vector& inertia, const Vector& w) {
  double energy = 0.0;
  for (int i = 0; i < 3; ++i) energy += 0.5 * inertia[i] * w[i] * w[i];
  return energy;
}

// The inertia of a body whose second moments of mass along its axes are `moments`.
Vector Inertia(const Vector& moments) {
  return {moments[1] + moments[2], moments[0] + moments[2], moments[0] + moments[1]};
}

constexpr double kMass = 0.1;  // kg, of both bodies

// The top of Finzi et al. (2020): its mesh's centre of mass and second moments, the moments times
// 100 as in their code, so that it does not spin down the sampling rate.
class Gyroscope final : public EquationsOfMotion {
 public:
  Gyroscope()
      : info_(DescribeMechanics("gyroscope", {"phi", "theta", "psi"}, 0.02, 10.0)),
        inertia_(Inertia({100.0 * kMass * 2.4137838e-3, 100.0 * kMass * 2.4137838e-3,
                          100.0 * kMass * 3.6941541e-4})) {
    info_.angular_positions = {0, 1, 2};
    inertia_[0] += kMass * kHeight * kHeight;  // about the tip
    inertia_[1] += kMass * kHeight * kHeight;
  }

  const SystemInfo& info() const override { return info_; }

  void DrawState(Random& random, absl::Span<double> state) const override {
    for (double& value : state) value = random.Uniform(-1.5, 1.5);
    state[3] *= 3.0;
    state[4] *= 0.2;
    const double spin = 1.5 * (random.Normal() + 7.0);
    state[5] = random.Uniform() < 0.5 ? -spin : spin;
  }

  double Energy(absl::Span<const double> state) const override {
    const Rotation rotation = FromEuler(state.data(), state.data() + 3);
    return RotationalEnergy(inertia_, rotation.velocity) +
           kMass * kGravity * kHeight * rotation.matrix[8];
  }

  int num_variables() const override { return 12; }

  void Unchart(absl::Span<const double> state, absl::Span<double> variables) const override {
    const Rotation rotation = FromEuler(state.data(), state.data() + 3);
    std::copy(rotation.matrix.begin(), rotation.matrix.end(), variables.begin());
    std::copy(rotation.velocity.begin(), rotation.velocity.end(), variables.begin() + 9);
  }

  void Chart(absl::Span<const double> variables, absl::Span<double> state) const override {
    Rotation rotation;
    std::copy_n(variables.begin(), 9, rotation.matrix.begin());
    std::copy_n(variables.begin() + 9, 3, rotation.velocity.begin());
    ToEuler(rotation, state.data(), state.data() + 3);
  }

  // Gravity's torque: (height e3) x R^T (0, 0, -m g).
  void Derivative(absl::Span<const double> x, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    const double moment = kMass * kGravity * kHeight;
    const Vector torque = {moment * x[7], -moment * x[6], 0.0};
    RotationDerivative(x.data(), x.data() + 9, inertia_, torque, derivative.data(),
                       derivative.data() + 9);
  }

 private:
  static constexpr double kHeight = 0.22172854;  // m, of the centre of mass over the tip

  SystemInfo info_;
  Vector inertia_;
};

// The rotor of Finzi et al. (2020), off-diagonal second moments left out as in their code.
// Variables: R, w, centre of mass, its velocity.
class Rotor final : public EquationsOfMotion {
 public:
  Rotor()
      : info_(DescribeMechanics("rotor", {"x", "y", "z", "phi", "theta", "psi"}, 0.05, 10.0)),
        inertia_(Inertia({kMass * 2.9851343e-3, kMass * 9.9063365e-2, kMass * 2.1108513e-2})) {
    info_.angular_positions = {3, 4, 5};
  }

  const SystemInfo& info() const override { return info_; }

  void DrawState(Random& random, absl::Span<double> state) const override {
    for (double& value : state) value = std::clamp(2.0 * random.Normal(), -3.0, 3.0);
    for (int i = 0; i < 3; ++i) {
      state[i] *= 0.1;
      state[6 + i] *= 0.1;
    }
  }

  double Energy(absl::Span<const double> state) const override {
    const Rotation rotation = FromEuler(state.data() + 3, state.data() + 9);
    double energy = RotationalEnergy(inertia_, rotation.velocity);
    for (int i = 0; i < 3; ++i) energy += 0.5 * kMass * state[6 + i] * state[6 + i];
    return energy;
  }

  int num_variables() const override { return 18; }

  void Unchart(absl::Span<const double> state, absl::Span<double> variables) const override {
    const Rotation rotation = FromEuler(state.data() + 3, state.data() + 9);
    std::copy(rotation.matrix.begin(), rotation.matrix.end(), variables.begin());
    std::copy(rotation.velocity.begin(), rotation.velocity.end(), variables.begin() + 9);
    for (int i = 0; i < 3; ++i) {
      variables[12 + i] = state[i];
      variables[15 + i] = state[6 + i];
    }
  }

  void Chart(absl::Span<const double> variables, absl::Span<double> state) const override {
    Rotation rotation;
    std::copy_n(variables.begin(), 9, rotation.matrix.begin());
    std::copy_n(variables.begin() + 9, 3, rotation.velocity.begin());
    ToEuler(rotation, state.data() + 3, state.data() + 9);
    for (int i = 0; i < 3; ++i) {
      state[i] = variables[12 + i];
      state[6 + i] = variables[15 + i];
    }
  }

  void Derivative(absl::Span<const double> x, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    RotationDerivative(x.data(), x.data() + 9, inertia_, {}, derivative.data(),
                       derivative.data() + 9);
    for (int i = 0; i < 3; ++i) {
      derivative[12 + i] = x[15 + i];
      derivative[15 + i] = 0.0;
    }
  }

 private:
  SystemInfo info_;
  Vector inertia_;
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeGyroscope() { return std::make_unique<Gyroscope>(); }
std::unique_ptr<const EquationsOfMotion> MakeRotor() { return std::make_unique<Rotor>(); }

}  // namespace rollout
