#include "models/trajectory_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rollout {
namespace {

template <typename T>
std::vector<double> SpreadOf(absl::Span<const T> states, int state_size) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> low(state_size, kInfinity), high(state_size, -kInfinity);
  for (size_t k = 0; k < states.size(); ++k) {
    if (!std::isfinite(states[k])) continue;
    const size_t d = k % state_size;
    low[d] = std::min<double>(low[d], states[k]);
    high[d] = std::max<double>(high[d], states[k]);
  }
  std::vector<double> spread(state_size, 1e-6);
  for (int d = 0; d < state_size; ++d) {
    if (low[d] > high[d]) continue;
    const double largest = std::max(std::abs(low[d]), std::abs(high[d]));
    spread[d] = std::max({high[d] - low[d], 1e-3 * largest, 1e-6});
  }
  return spread;
}

}  // namespace

std::vector<double> StateSpread(absl::Span<const float> states, int state_size) {
  return SpreadOf(states, state_size);
}

std::vector<double> StateSpread(absl::Span<const double> states, int state_size) {
  return SpreadOf(states, state_size);
}

}  // namespace rollout
