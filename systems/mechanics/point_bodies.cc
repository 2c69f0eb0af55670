// Point bodies under each other's gravity, in a plane.
#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/mechanics/mechanics_info.h"

namespace rollout {
namespace {

SystemInfo BodiesInfo(std::string name, int bodies, double dt, double duration) {
  std::vector<std::string> coordinates;
  for (int i = 0; i < bodies; ++i) {
    coordinates.push_back(absl::StrCat("x_", i));
    coordinates.push_back(absl::StrCat("y_", i));
  }
  return DescribeMechanics(std::move(name), coordinates, dt, duration, "p");
}

// G = 1 and unit masses, so that p = v: H = sum p^2/2 - sum_{i<j} 1/|x_i - x_j|.
class PointBodies : public EquationsOfMotion {
 public:
  PointBodies(SystemInfo info, int bodies) : info_(std::move(info)), bodies_(bodies) {}

  const SystemInfo& info() const override { return info_; }

  double Energy(absl::Span<const double> state) const override {
    const int n = 2 * bodies_;
    double energy = 0.0;
    for (int i = 0; i < n; ++i) energy += 0.5 * state[n + i] * state[n + i];
    for (int i = 0; i < bodies_; ++i) {
      for (int j = 0; j < i; ++j) {
        energy -=
            1.0 / std::hypot(state[2 * i] - state[2 * j], state[2 * i + 1] - state[2 * j + 1]);
      }
    }
    return energy;
  }

  void Derivative(absl::Span<const double> z, absl::Span<const double>,
                  absl::Span<double> derivative) const override {
    const int n = 2 * bodies_;
    for (int i = 0; i < n; ++i) {
      derivative[i] = z[n + i];
      derivative[n + i] = 0.0;
    }
    for (int i = 0; i < bodies_; ++i) {
      for (int j = 0; j < i; ++j) {
        const double dx = z[2 * i] - z[2 * j];
        const double dy = z[2 * i + 1] - z[2 * j + 1];
        const double distance = std::hypot(dx, dy);
        const double pull = 1.0 / (distance * distance * distance);
        derivative[n + 2 * i] -= pull * dx;
        derivative[n + 2 * i + 1] -= pull * dy;
        derivative[n + 2 * j] += pull * dx;
        derivative[n + 2 * j + 1] += pull * dy;
      }
    }
  }

 protected:
  int bodies() const { return bodies_; }

 private:
  const SystemInfo info_;
  const int bodies_;
};

// Nearly circular orbits around the common centre, the speed off by 5% (normal).
class TwoBody final : public PointBodies {
 public:
  TwoBody() : PointBodies(BodiesInfo("two_body", 2, 20.0 / 49.0, 20.0), 2) {}

  void DrawState(Random& random, absl::Span<double> state) const override {
    const double x = random.Uniform(0.5, 1.5);
    const double y = random.Uniform(0.5, 1.5);
    const double distance = std::hypot(x, y);
    const double speed = 1.0 / (2.0 * distance * std::sqrt(distance));
    const double vx = -y * speed * (1.0 + 0.05 * random.Normal());
    const double vy = x * speed * (1.0 + 0.05 * random.Normal());
    const double first[] = {x, y, -x, -y, vx, vy, -vx, -vy};
    for (int i = 0; i < 8; ++i) state[i] = first[i];
  }
};

// An equilateral triangle around the centre of mass, each velocity's components off by up to 20%
// (uniform) from those of the circular orbit.
class ThreeBody final : public PointBodies {
 public:
  ThreeBody() : PointBodies(BodiesInfo("three_body", 3, 5.0 / 19.0, 5.0), 3) {}

  void DrawState(Random& random, absl::Span<double> state) const override {
    // A first position of uniform direction (as the square's diagonal rays give it in the papers'
    // code: the ray through a point of (-1, 1)^2) and uniform radius.
    double x = random.Uniform(-1.0, 1.0);
    double y = random.Uniform(-1.0, 1.0);
    const double radius = random.Uniform(0.9, 1.2);
    const double scale = radius / std::hypot(x, y);
    x *= scale;
    y *= scale;
    const double circular = std::sqrt(std::sin(std::numbers::pi / 3) /
                                      (2.0 * std::pow(std::cos(std::numbers::pi / 6), 2))) /
                            (radius * std::sqrt(radius));
    const double cosine = std::cos(2.0 * std::numbers::pi / 3);
    const double sine = std::sin(2.0 * std::numbers::pi / 3);
    for (int i = 0; i < 3; ++i) {
      state[2 * i] = x;
      state[2 * i + 1] = y;
      state[6 + 2 * i] = -y * circular * (1.0 + random.Uniform(-0.2, 0.2));
      state[7 + 2 * i] = x * circular * (1.0 + random.Uniform(-0.2, 0.2));
      const double turned = cosine * x - sine * y;
      y = sine * x + cosine * y;
      x = turned;
    }
  }
};

}  // namespace

std::unique_ptr<const EquationsOfMotion> MakeTwoBody() { return std::make_unique<TwoBody>(); }
std::unique_ptr<const EquationsOfMotion> MakeThreeBody() { return std::make_unique<ThreeBody>(); }

}  // namespace rollout
