// Pendulums of point masses on massless rods in a plane.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "systems/mechanics/drawn_parameters.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"
#include "systems/mechanics/positive_definite.h"

namespace rollout {
namespace {

constexpr double kControlForce = 100.0;  // newtons for u = 1

SystemInfo ChainInfo(std::string name, int links, bool controlled) {
  std::vector<std::string> coordinates;
  for (int i = 0; i < links; ++i) coordinates.push_back(absl::StrCat("angle_", i));
  SystemInfo info = DescribeMechanics(std::move(name), coordinates, 0.03, 10.0);
  for (int i = 0; i < links; ++i) info.angular_positions.push_back(i);
  if (controlled) {
    info.num_controls = 1;
    info.control_names = {"push"};
    info.control_low = {-1.0};
    info.control_high = {1.0};
  }
  return info;
}

// q_i is rod i's angle from straight down: mass k is at x = sum_{i<=k} l_i sin q_i,
// y = -sum_{i<=k} l_i cos q_i. With mu_i the mass from i outwards and mu_ij = mu_max(i,j),
//   M_ij = mu_ij l_i l_j cos(q_i - q_j),
//   M a = -sum_j mu_ij l_i l_j sin(q_i - q_j) v_j^2 - mu_i g l_i sin q_i + Q,
// where drag -lambda p on every Cartesian momentum is Q = -lambda M v.
class ChainPendulum final : public EquationsOfMotion {
 public:
  ChainPendulum(SystemInfo info, int links, double drag)
      : info_(std::move(info)), links_(links), drag_(drag), parameters_(DrawParameters(links)) {
    carried_.resize(links);
    double mass = 0.0;
    for (int i = links - 1; i >= 0; --i) carried_[i] = mass += parameters_.masses[i];
  }

  const SystemInfo& info() const override { return info_; }

  // Angles and rates standard normal, then noise on the Cartesian positions (0.2 m) and velocities
  // (half of the drawn ones plus 0.4 m/s, all times 3), and back onto the constraints: the rods
  // along the noisy differences, the rates by least squares.
  void DrawState(Random& random, absl::Span<double> state) const override {
    const int n = links_;
    std::vector<double> angles(n), rates(n), x(n), y(n), vx(n), vy(n);
    for (double& angle : angles) angle = random.Normal();
    for (double& rate : rates) rate = random.Normal();
    Place(angles, rates, x, y, vx, vy);
    for (int k = 0; k < n; ++k) {
      x[k] += 0.2 * random.Normal();
      y[k] += 0.2 * random.Normal();
      vx[k] = 3.0 * (0.5 * vx[k] + 0.4 * random.Normal());
      vy[k] = 3.0 * (0.5 * vy[k] + 0.4 * random.Normal());
    }
    for (int k = 0; k < n; ++k) {
      const double dx = x[k] - (k > 0 ? x[k - 1] : 0.0);
      const double dy = y[k] - (k > 0 ? y[k - 1] : 0.0);
      state[k] = std::atan2(dx, -dy);
    }
    FitRates(vx, vy, state);
  }

  double Energy(absl::Span<const double> state) const override {
    return EnergyWithInertia(state, [](double mass) { return mass; });
  }
  std::optional<double> EnergyWithVelocityAsMomentum(
      absl::Span<const double> state) const override {
    return EnergyWithInertia(state, [](double mass) { return 1.0 / mass; });
  }

  // Drag takes lambda p . v = 2 lambda T; the push works on the first mass's horizontal velocity.
  double Power(absl::Span<const double> state, absl::Span<const double> control) const override {
    const int n = links_;
    std::vector<double> x(n), y(n), vx(n), vy(n);
    Place(state.first(n), state.last(n), x, y, vx, vy);
    double power = control.empty() ? 0.0 : kControlForce * control[0] * vx[0];
    for (int k = 0; k < n; ++k) {
      power -= drag_ * parameters_.masses[k] * (vx[k] * vx[k] + vy[k] * vy[k]);
    }
    return power;
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double> control,
                  absl::Span<double> derivative) const override {
    const int n = links_;
    const std::vector<double>& l = parameters_.lengths;
    double mass[kMostLinks * kMostLinks];
    double force[kMostLinks];
    for (int i = 0; i < n; ++i) {
      force[i] = -carried_[i] * kGravity * l[i] * std::sin(z[i]);
      for (int j = 0; j < n; ++j) {
        const double coupling = carried_[std::max(i, j)] * l[i] * l[j];
        mass[i * n + j] = coupling * std::cos(z[i] - z[j]);
        force[i] -= coupling * std::sin(z[i] - z[j]) * z[n + j] * z[n + j];
        force[i] -= drag_ * mass[i * n + j] * z[n + j];
      }
    }
    if (!control.empty()) force[0] += kControlForce * control[0] * l[0] * std::cos(z[0]);
    SolvePositiveDefinite(absl::MakeSpan(mass, n * n), absl::MakeSpan(force, n));
    for (int i = 0; i < n; ++i) {
      derivative[i] = z[n + i];
      derivative[n + i] = force[i];
    }
  }

 private:
  static constexpr int kMostLinks = 5;

  // sum inertia(m) |v|^2 / 2 + m g y.
  template <typename Inertia>
  double EnergyWithInertia(absl::Span<const double> state, const Inertia& inertia) const {
    const int n = links_;
    std::vector<double> x(n), y(n), vx(n), vy(n);
    Place(state.first(n), state.last(n), x, y, vx, vy);
    double energy = 0.0;
    for (int k = 0; k < n; ++k) {
      const double mass = parameters_.masses[k];
      energy += 0.5 * inertia(mass) * (vx[k] * vx[k] + vy[k] * vy[k]) + mass * kGravity * y[k];
    }
    return energy;
  }

  // Cartesian positions and velocities of the masses.
  void Place(absl::Span<const double> angles, absl::Span<const double> rates,
             std::vector<double>& x, std::vector<double>& y, std::vector<double>& vx,
             std::vector<double>& vy) const {
    double sums[4] = {};
    for (int k = 0; k < links_; ++k) {
      const double length = parameters_.lengths[k];
      x[k] = sums[0] += length * std::sin(angles[k]);
      y[k] = sums[1] -= length * std::cos(angles[k]);
      vx[k] = sums[2] += length * std::cos(angles[k]) * rates[k];
      vy[k] = sums[3] += length * std::sin(angles[k]) * rates[k];
    }
  }

  // The rates whose Cartesian velocities are nearest to (vx, vy): the constraints' tangent space.
  void FitRates(const std::vector<double>& vx, const std::vector<double>& vy,
                absl::Span<double> state) const {
    const int n = links_;
    std::vector<double> normal(n * n, 0.0);
    absl::Span<double> rates = state.last(n);
    for (int i = 0; i < n; ++i) {
      const double length = parameters_.lengths[i];
      rates[i] = 0.0;
      for (int k = i; k < n; ++k) {
        rates[i] += length * (std::cos(state[i]) * vx[k] + std::sin(state[i]) * vy[k]);
      }
      for (int j = 0; j < n; ++j) {
        normal[i * n + j] =
            (n - std::max(i, j)) * length * parameters_.lengths[j] * std::cos(state[i] - state[j]);
      }
    }
    SolvePositiveDefinite(absl::MakeSpan(normal), rates);
  }

  const SystemInfo info_;
  const int links_;
  const double drag_;
  const DrawnParameters parameters_;
  std::vector<double> carried_;  // mass from each rod outwards
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeChainPendulum(int links, double drag) {
  std::string name = absl::StrCat("chain_pendulum_", links, drag > 0.0 ? "_friction" : "");
  return std::make_unique<ChainPendulum>(ChainInfo(std::move(name), links, false), links, drag);
}

std::unique_ptr<const EquationsOfMotion> MakeControlledChainPendulum(int links) {
  std::string name = absl::StrCat("controlled_chain_pendulum_", links);
  return std::make_unique<ChainPendulum>(ChainInfo(std::move(name), links, true), links, 0.0);
}

}  // namespace rollout
