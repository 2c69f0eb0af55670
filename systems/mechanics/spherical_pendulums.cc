// Pendulums that swing in space: one over magnets, and several joined by springs.
#include <array>
#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "systems/mechanics/drawn_parameters.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"

namespace rollout {
namespace {

using Vector = std::array<double, 3>;

double Dot(const Vector& a, const Vector& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// A bob at distance `length` from its support. The angles are spherical ones about the axis -x, so
// that hanging (phi = pi, theta = pi/2) is far from where they are singular:
//   x = -l cos theta, y = l sin theta sin phi, z = l sin theta cos phi.
struct Bob {
  Bob(double phi, double theta, double length)
      : sin_phi(std::sin(phi)),
        cos_phi(std::cos(phi)),
        sin_theta(std::sin(theta)),
        cos_theta(std::cos(theta)),
        position{-length * cos_theta, length * sin_theta * sin_phi, length * sin_theta * cos_phi},
        by_phi{0.0, length * sin_theta * cos_phi, -length * sin_theta * sin_phi},
        by_theta{length * sin_theta, length * cos_theta * sin_phi, length * cos_theta * cos_phi} {}

  double sin_phi, cos_phi, sin_theta, cos_theta;
  Vector position;
  Vector by_phi;    // d position / d phi
  Vector by_theta;  // d position / d theta
};

// Bobs of one mass and length with a potential V(x_0, x_1, ...). The Lagrangian of one is
// m l^2/2 (theta'^2 + sin^2 theta phi'^2) - V, hence
//   theta'' = sin theta cos theta phi'^2 - (dV/dx . dx/dtheta) / (m l^2)
//   phi''   = -2 cot theta theta' phi' - (dV/dx . dx/dphi) / (m l^2 sin^2 theta).
// q = [phi_0.., theta_0..].
class SphericalPendulums : public EquationsOfMotion {
 public:
  SphericalPendulums(SystemInfo info, double mass, double length)
      : info_(std::move(info)), bobs_(info_.num_positions / 2), mass_(mass), length_(length) {}

  const SystemInfo& info() const override { return info_; }

  double Energy(absl::Span<const double> state) const override {
    const std::vector<Bob> bobs = Place(state);
    double energy = Potential(bobs);
    for (int i = 0; i < bobs_; ++i) {
      const double dphi = state[2 * bobs_ + i];
      const double dtheta = state[3 * bobs_ + i];
      for (int axis = 0; axis < 3; ++axis) {
        const double speed = bobs[i].by_phi[axis] * dphi + bobs[i].by_theta[axis] * dtheta;
        energy += 0.5 * mass_ * speed * speed;
      }
    }
    return energy;
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    const std::vector<Bob> bobs = Place(z);
    const std::vector<Vector> gradient = PotentialGradient(bobs);
    const double inertia = mass_ * length_ * length_;
    const int n = 2 * bobs_;
    for (int i = 0; i < n; ++i) derivative[i] = z[n + i];
    for (int i = 0; i < bobs_; ++i) {
      const Bob& bob = bobs[i];
      const double dphi = z[n + i];
      const double dtheta = z[n + bobs_ + i];
      derivative[n + i] = -2.0 * bob.cos_theta / bob.sin_theta * dtheta * dphi -
                          Dot(gradient[i], bob.by_phi) / (inertia * bob.sin_theta * bob.sin_theta);
      derivative[n + bobs_ + i] =
          bob.sin_theta * bob.cos_theta * dphi * dphi - Dot(gradient[i], bob.by_theta) / inertia;
    }
  }

 protected:
  virtual double Potential(const std::vector<Bob>& bobs) const = 0;
  // dV/dx of each bob.
  virtual std::vector<Vector> PotentialGradient(const std::vector<Bob>& bobs) const = 0;

  int bobs() const { return bobs_; }
  double mass() const { return mass_; }
  double length() const { return length_; }

 private:
  std::vector<Bob> Place(absl::Span<const double> state) const {
    std::vector<Bob> bobs;
    bobs.reserve(bobs_);
    for (int i = 0; i < bobs_; ++i) bobs.emplace_back(state[i], state[bobs_ + i], length_);
    return bobs;
  }

  const SystemInfo info_;
  const int bobs_;
  const double mass_;
  const double length_;
};

SystemInfo SphericalInfo(std::string name, int bobs) {
  std::vector<std::string> coordinates;
  for (const char* angle : {"phi", "theta"}) {
    for (int i = 0; i < bobs; ++i) coordinates.push_back(absl::StrCat(angle, "_", i));
  }
  SystemInfo info = DescribeMechanics(std::move(name), coordinates, 0.05, 10.0);
  for (int i = 0; i < 2 * bobs; ++i) info.angular_positions.push_back(i);
  return info;
}

// The bob is a dipole q x / |x|^2 along its rod; each fixed magnet a dipole q along z. The energy
// of two dipoles is (r^2 a.b - 3 (a.r)(b.r)) / (4 pi r^5); the papers' code has the other sign on
// its first term, which this does not follow.
class MagnetPendulum final : public SphericalPendulums {
 public:
  MagnetPendulum()
      : SphericalPendulums(SphericalInfo("magnet_pendulum", 1), 3.0, 1.0),
        magnets_{Vector{0.1, 0.0, -1.05}, Vector{-0.1, 0.0, -1.05}} {}

  void DrawState(Random& random, absl::Span<double> state) const override {
    state[0] = std::numbers::pi + 0.3 * random.Normal();
    state[2] = 0.05 * random.Normal();
    state[1] = std::numbers::pi / 2 + 0.2 * random.Normal();
    state[3] = 0.4 * random.Normal();
  }

 private:
  static constexpr double kDipole = 0.3;

  double Potential(const std::vector<Bob>& bobs) const override {
    const Vector& x = bobs[0].position;
    double energy = mass() * kGravity * x[2];
    for (const Vector& magnet : magnets_) {
      const Vector r = {magnet[0] - x[0], magnet[1] - x[1], magnet[2] - x[2]};
      const double squared = Dot(r, r);
      const double moment = kDipole / (length() * length());  // the bob's is moment * x
      energy += kDipole * moment * (squared * x[2] - 3.0 * Dot(x, r) * r[2]) /
                (4.0 * std::numbers::pi * squared * squared * std::sqrt(squared));
    }
    return energy;
  }

  // On the sphere |x| = l the bob's moment is q x / l^2, which is what is differentiated: only the
  // tangential part of the gradient counts.
  std::vector<Vector> PotentialGradient(const std::vector<Bob>& bobs) const override {
    const Vector& x = bobs[0].position;
    Vector gradient = {0.0, 0.0, mass() * kGravity};
    const double strength = kDipole * kDipole / (length() * length() * 4.0 * std::numbers::pi);
    for (const Vector& magnet : magnets_) {
      const Vector r = {magnet[0] - x[0], magnet[1] - x[1], magnet[2] - x[2]};
      const double squared = Dot(r, r);
      const double fifth = squared * squared * std::sqrt(squared);
      const double along = Dot(x, r);
      const double numerator = squared * x[2] - 3.0 * along * r[2];
      for (int axis = 0; axis < 3; ++axis) {
        const double up = axis == 2 ? 1.0 : 0.0;
        // dr/dx = -1.
        const double by_axis =
            -2.0 * r[axis] * x[2] + squared * up - 3.0 * ((r[axis] - x[axis]) * r[2] - along * up);
        gradient[axis] +=
            strength * (by_axis / fifth + 5.0 * numerator * r[axis] / (fifth * squared));
      }
    }
    return {gradient};
  }

  const std::array<Vector, 2> magnets_;
};

// Supports at x = 0, 1, 2, ... m; springs of rest length 1 m between neighbours.
class CoupledPendulums final : public SphericalPendulums {
 public:
  explicit CoupledPendulums(int bobs)
      : SphericalPendulums(SphericalInfo(absl::StrCat("coupled_pendulums_", bobs), bobs), 1.0,
                           1.0) {}

  void DrawState(Random& random, absl::Span<double> state) const override {
    for (double& value : state) value = 0.3 * random.Normal();
    for (int i = 0; i < bobs(); ++i) {
      state[i] += std::numbers::pi;
      state[bobs() + i] += std::numbers::pi / 2;
    }
  }

 private:
  static constexpr double kStiffness = 10.0;
  static constexpr double kSpacing = 1.0;

  static Vector Between(const Bob& left, const Bob& right) {
    return {right.position[0] + kSpacing - left.position[0], right.position[1] - left.position[1],
            right.position[2] - left.position[2]};
  }

  double Potential(const std::vector<Bob>& bobs) const override {
    double energy = 0.0;
    for (size_t i = 0; i < bobs.size(); ++i) {
      energy += mass() * kGravity * bobs[i].position[2];
      if (i == 0) continue;
      const Vector between = Between(bobs[i - 1], bobs[i]);
      const double stretch = std::sqrt(Dot(between, between)) - kSpacing;
      energy += 0.5 * kStiffness * stretch * stretch;
    }
    return energy;
  }

  std::vector<Vector> PotentialGradient(const std::vector<Bob>& bobs) const override {
    std::vector<Vector> gradient(bobs.size(), Vector{0.0, 0.0, mass() * kGravity});
    for (size_t i = 1; i < bobs.size(); ++i) {
      const Vector between = Between(bobs[i - 1], bobs[i]);
      const double distance = std::sqrt(Dot(between, between));
      const double pull = kStiffness * (distance - kSpacing) / distance;
      for (int axis = 0; axis < 3; ++axis) {
        gradient[i][axis] += pull * between[axis];
        gradient[i - 1][axis] -= pull * between[axis];
      }
    }
    return gradient;
  }
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeMagnetPendulum() {
  return std::make_unique<MagnetPendulum>();
}

std::unique_ptr<const EquationsOfMotion> MakeCoupledPendulums(int bobs) {
  return std::make_unique<CoupledPendulums>(bobs);
}

}  // namespace rollout
