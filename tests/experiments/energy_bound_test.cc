// Gruver et al. (2022), appendix B.1: a model whose field is off by at most delta changes the true
// energy by at most T delta sup |grad H|, however far its states stray.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

struct Strayed {
  double energy_change = 0.0;  // |H(z_T) - H(z_0)|
  double bound = 0.0;          // T delta sup |grad H| along the way
  double distance = 0.0;       // from the true state at T
};

// The ideal pendulum, H = 3 (1 - cos q) + p^2, whose field is off by `delta` in a direction that
// turns with the state.
Strayed Stray(double delta, double seconds) {
  const auto mechanics = MakeEquationsOfMotion("ideal_pendulum");
  const auto truth = [&](absl::Span<const double> z, absl::Span<double> dz) {
    mechanics->Derivative(z, {}, dz);
  };
  const auto model = [&](absl::Span<const double> z, absl::Span<double> dz) {
    truth(z, dz);
    const double angle = 3.0 * z[0] + 2.0 * z[1];
    dz[0] += delta * std::cos(angle);
    dz[1] += delta * std::sin(angle);
  };
  std::vector<double> z = {1.5, 0.3}, z_true = z;
  const double energy = mechanics->Energy(z);
  DormandPrince solver(2), true_solver(2);
  Strayed strayed;
  double steepest = 0.0;
  constexpr double kDt = 0.01;
  for (double t = 0.0; t < seconds - kDt / 2; t += kDt) {
    solver.Advance(model, kDt, absl::MakeSpan(z));
    true_solver.Advance(truth, kDt, absl::MakeSpan(z_true));
    steepest = std::max(steepest, std::hypot(3.0 * std::sin(z[0]), 2.0 * z[1]));
  }
  strayed.energy_change = std::abs(mechanics->Energy(z) - energy);
  strayed.bound = seconds * delta * steepest;
  strayed.distance = std::hypot(z[0] - z_true[0], z[1] - z_true[1]);
  return strayed;
}

TEST(EnergyBoundTest, EnergyErrorGrowsAtMostLinearly) {
  for (const double delta : {1e-1, 1e-2, 1e-3}) {
    for (const double seconds : {0.5, 2.0, 10.0, 40.0}) {
      const Strayed strayed = Stray(delta, seconds);
      EXPECT_LE(strayed.energy_change, strayed.bound) << delta << " after " << seconds << " s";
      EXPECT_GT(strayed.energy_change, 0.0);
    }
  }
}

TEST(EnergyBoundTest, TheStateStraysFurtherThanTheEnergy) {
  const Strayed strayed = Stray(1e-2, 40.0);
  EXPECT_GT(strayed.distance, strayed.energy_change);
}

}  // namespace
}  // namespace rollout
