// How far trajectories are from the reference's.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/models/engines/scalar_reference.h"

namespace rollout {

std::vector<double> Spread(const std::vector<double>& trajectories, int state_size) {
  std::vector<double> spread;
  for (int d = 0; d < state_size; ++d) {
    double low = trajectories[d], high = low, largest = 0.0;
    for (size_t i = d; i < trajectories.size(); i += state_size) {
      low = std::min(low, trajectories[i]);
      high = std::max(high, trajectories[i]);
      largest = std::max(largest, std::abs(trajectories[i]));
    }
    spread.push_back(std::max({high - low, 1e-3 * largest, 1e-6}));
  }
  return spread;
}

double LargestDeviation(const std::vector<float>& actual, const std::vector<double>& expected,
                        const std::vector<double>& spread) {
  if (actual.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0.0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double deviation =
        std::abs(static_cast<double>(actual[i]) - expected[i]) / spread[i % spread.size()];
    if (!std::isfinite(deviation)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, deviation);
  }
  return largest;
}

}  // namespace rollout
