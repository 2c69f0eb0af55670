// The systems of one degree of freedom of Greydanus et al. (2019).
#include <cmath>
#include <memory>
#include <numbers>
#include <string>

#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"

namespace rollout {
namespace {

// H = V(q) + p^2, hence dq/dt = 2 p, dp/dt = -V'(q) - drag p.
struct Oscillator {
  const char* name;
  double dt;                       // s between samples
  double duration;                 // s of an episode
  double pendulum;                 // V = pendulum (1 - cos q), or q^2 where 0
  double drag;                     // 1/s
  double radius_low, radius_high;  // of the first state in the (q, p) plane
};

class CanonicalOscillator final : public EquationsOfMotion {
 public:
  explicit CanonicalOscillator(const Oscillator& oscillator)
      : oscillator_(oscillator),
        info_(DescribeMechanics(oscillator.name, {"q"}, oscillator.dt, oscillator.duration)) {
    info_.state_names = {"q", "p"};
  }

  const SystemInfo& info() const override { return info_; }

  // Uniform in the square (-1, 1)^2, then moved along its ray to a uniform radius.
  void DrawState(Random& random, absl::Span<double> state) const override {
    const double q = random.Uniform(-1.0, 1.0);
    const double p = random.Uniform(-1.0, 1.0);
    const double radius = random.Uniform(oscillator_.radius_low, oscillator_.radius_high);
    const double length = std::hypot(q, p);
    state[0] = radius * q / length;
    state[1] = radius * p / length;
  }

  double Energy(absl::Span<const double> state) const override {
    const double potential = oscillator_.pendulum > 0.0
                                 ? oscillator_.pendulum * (1.0 - std::cos(state[0]))
                                 : state[0] * state[0];
    return potential + state[1] * state[1];
  }

  double Power(absl::Span<const double> state, absl::Span<const double>) const override {
    return -2.0 * oscillator_.drag * state[1] * state[1];
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    derivative[0] = 2.0 * z[1];
    derivative[1] =
        -oscillator_.drag * z[1] -
        (oscillator_.pendulum > 0.0 ? oscillator_.pendulum * std::sin(z[0]) : 2.0 * z[0]);
  }

 private:
  const Oscillator oscillator_;
  SystemInfo info_;
};

// Gym's Pendulum without torque (a rod of 1 m and 1 kg, g = 10 m/s^2), its angle from hanging, in
// continuous time: theta'' = -15 sin theta. First states within pi/6, where the papers' frames
// start, and rates as Gym draws them.
class PixelPendulum final : public EquationsOfMotion {
 public:
  PixelPendulum() : info_(DescribeMechanics("pixel_pendulum", {"theta"}, 0.05, 5.0)) {}

  const SystemInfo& info() const override { return info_; }

  void DrawState(Random& random, absl::Span<double> state) const override {
    state[0] = random.Uniform(-std::numbers::pi / 6, std::numbers::pi / 6);
    state[1] = random.Uniform(-1.0, 1.0);
  }

  double Energy(absl::Span<const double> state) const override {
    return kInertia * (0.5 * state[1] * state[1] + kStiffness * (1.0 - std::cos(state[0])));
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    derivative[0] = z[1];
    derivative[1] = -kStiffness * std::sin(z[0]);
  }

 private:
  static constexpr double kStiffness = 15.0;     // 3 g / (2 l), 1/s^2
  static constexpr double kInertia = 1.0 / 3.0;  // m l^2 / 3, kg m^2

  SystemInfo info_;
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeMassSpring() {
  return std::make_unique<CanonicalOscillator>(
      Oscillator{"mass_spring", 3.0 / 29.0, 3.0, 0.0, 0.0, 0.1, 1.0});
}

std::unique_ptr<const EquationsOfMotion> MakeIdealPendulum() {
  return std::make_unique<CanonicalOscillator>(
      Oscillator{"ideal_pendulum", 3.0 / 44.0, 3.0, 3.0, 0.0, 1.3, 2.3});
}

std::unique_ptr<const EquationsOfMotion> MakeSimulatedRealPendulum() {
  return std::make_unique<CanonicalOscillator>(
      Oscillator{"simulated_real_pendulum", 1.0 / 6.0, 50.0 / 6.0, 2.4, 0.05, 0.5, 1.0});
}

std::unique_ptr<const EquationsOfMotion> MakePixelPendulum() {
  return std::make_unique<PixelPendulum>();
}

}  // namespace rollout
