// Point masses in space on a chain of springs.
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "systems/mechanics/drawn_parameters.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"

namespace rollout {
namespace {

constexpr double kStiffness = 10.0;  // N/m

// The first spring, from the origin, has no rest length (as in the papers' code), the others 1 m.
double RestLength(int spring) { return spring == 0 ? 0.0 : 1.0; }

SystemInfo SpringInfo(int bobs, double drag) {
  std::vector<std::string> coordinates;
  for (int i = 0; i < bobs; ++i) {
    for (const char* axis : {"x", "y", "z"}) coordinates.push_back(absl::StrCat(axis, "_", i));
  }
  return DescribeMechanics(absl::StrCat("spring_pendulum_", bobs, drag > 0.0 ? "_friction" : ""),
                           coordinates, 0.03, 10.0);
}

// V = sum_i m_i g z_i + k/2 (|x_i - x_{i-1}| - rest_i)^2 with x_{-1} = 0; drag -lambda m v.
class SpringPendulum final : public EquationsOfMotion {
 public:
  SpringPendulum(int bobs, double drag)
      : info_(SpringInfo(bobs, drag)),
        bobs_(bobs),
        drag_(drag),
        masses_(DrawParameters(bobs).masses) {}

  const SystemInfo& info() const override { return info_; }

  // Each bob where the springs, without rest lengths and with the masses in their order of drawing
  // (both as in the papers' code), carry it, plus normal noise: 0.4 m and once more 0.8 m upwards;
  // velocities normal, 0.6 m/s.
  void DrawState(Random& random, absl::Span<double> state) const override {
    const int n = 3 * bobs_;
    double height = 0.0;
    for (int i = 0; i < bobs_; ++i) {
      double carried = 0.0;
      for (int j = i; j < bobs_; ++j) carried += masses_[bobs_ - 1 - j];
      height -= kGravity * carried / kStiffness;
      for (int axis = 0; axis < 3; ++axis) state[3 * i + axis] = 0.4 * random.Normal();
      state[3 * i + 2] += height + 0.8 * random.Normal();
    }
    for (int i = 0; i < n; ++i) state[n + i] = 0.6 * random.Normal();
  }

  double Energy(absl::Span<const double> state) const override {
    double energy = Potential(state);
    for (int i = 0; i < bobs_; ++i) energy += 0.5 * masses_[i] * SquaredSpeed(state, i);
    return energy;
  }
  std::optional<double> EnergyWithVelocityAsMomentum(
      absl::Span<const double> state) const override {
    double energy = Potential(state);
    for (int i = 0; i < bobs_; ++i) energy += 0.5 * SquaredSpeed(state, i) / masses_[i];
    return energy;
  }

  double Power(absl::Span<const double> state, absl::Span<const double>) const override {
    double power = 0.0;
    for (int i = 0; i < bobs_; ++i) power -= drag_ * masses_[i] * SquaredSpeed(state, i);
    return power;
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    const int n = 3 * bobs_;
    for (int i = 0; i < n; ++i) {
      derivative[i] = z[n + i];
      derivative[n + i] = -drag_ * z[n + i];
    }
    for (int i = 0; i < bobs_; ++i) {
      derivative[n + 3 * i + 2] -= kGravity;
      const Spring spring = Stretch(z, i);
      const double rest = RestLength(i);
      const double pull =
          rest == 0.0 ? kStiffness : kStiffness * (spring.length - rest) / spring.length;
      for (int axis = 0; axis < 3; ++axis) {
        const double force = pull * spring.difference[axis];
        derivative[n + 3 * i + axis] -= force / masses_[i];
        if (i > 0) derivative[n + 3 * (i - 1) + axis] += force / masses_[i - 1];
      }
    }
  }

 private:
  struct Spring {
    std::array<double, 3> difference;  // from its inner to its outer end
    double length;
  };

  static Spring Stretch(absl::Span<const double> state, int i) {
    Spring spring;
    double squares = 0.0;
    for (int axis = 0; axis < 3; ++axis) {
      const double inner = i > 0 ? state[3 * (i - 1) + axis] : 0.0;
      spring.difference[axis] = state[3 * i + axis] - inner;
      squares += spring.difference[axis] * spring.difference[axis];
    }
    spring.length = std::sqrt(squares);
    return spring;
  }

  double Potential(absl::Span<const double> state) const {
    double energy = 0.0;
    for (int i = 0; i < bobs_; ++i) {
      const double stretch = Stretch(state, i).length - RestLength(i);
      energy += 0.5 * kStiffness * stretch * stretch + masses_[i] * kGravity * state[3 * i + 2];
    }
    return energy;
  }

  double SquaredSpeed(absl::Span<const double> state, int i) const {
    double squares = 0.0;
    for (int axis = 0; axis < 3; ++axis) {
      const double speed = state[3 * bobs_ + 3 * i + axis];
      squares += speed * speed;
    }
    return squares;
  }

  const SystemInfo info_;
  const int bobs_;
  const double drag_;
  const std::vector<double> masses_;
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeSpringPendulum(int bobs, double drag) {
  return std::make_unique<SpringPendulum>(bobs, drag);
}

}  // namespace rollout
