#ifndef ROLLOUT_SYSTEMS_MECHANICS_DRAWN_PARAMETERS_H_
#define ROLLOUT_SYSTEMS_MECHANICS_DRAWN_PARAMETERS_H_

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace rollout {

// Masses (kg) and lengths (m) of `bodies` bodies, from the support outwards.
struct DrawnParameters {
  std::vector<double> masses;
  std::vector<double> lengths;
};

// As the reference code of Gruver et al. (2022) draws them: 0.6 + 0.8 u for all masses, then for
// all lengths, u from NumPy's legacy generator (MT19937, 53 bits) with seed 0, and bodies take them
// from the end of each list.
inline DrawnParameters DrawParameters(int bodies) {
  std::mt19937 generator(0);
  const auto draw = [&generator] {
    const uint64_t high = generator() >> 5;
    const uint64_t low = generator() >> 6;
    return 0.6 + 0.8 * static_cast<double>(high * 67108864 + low) / 9007199254740992.0;
  };
  DrawnParameters parameters;
  for (int i = 0; i < bodies; ++i) parameters.masses.push_back(draw());
  for (int i = 0; i < bodies; ++i) parameters.lengths.push_back(draw());
  std::reverse(parameters.masses.begin(), parameters.masses.end());
  std::reverse(parameters.lengths.begin(), parameters.lengths.end());
  return parameters;
}

inline constexpr double kGravity = 9.81;  // m/s^2, as in the papers' code

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_DRAWN_PARAMETERS_H_
