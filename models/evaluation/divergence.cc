#include "models/evaluation/divergence.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/evaluation/rollout_error.h"

namespace rollout {

absl::StatusOr<DivergenceCounts> CountDiverged(Predictor& predictor, const WindowSet& set,
                                               const std::vector<float>& state_scale,
                                               const std::vector<int>& angular_positions) {
  ErrorScale scale;
  scale.state_scale.assign(state_scale.begin(), state_scale.end());
  scale.angular_positions = angular_positions;
  const absl::StatusOr<WindowErrors> errors = MeasureErrors(predictor, set, scale);
  if (!errors.ok()) return errors.status();
  DivergenceCounts counts;
  for (const WindowErrors::Window& window : errors->windows) {
    ++counts.windows;
    counts.horizon = std::max(counts.horizon, window.length);
    const bool lost = std::any_of(window.square.begin(), window.square.end(), [](float square) {
      return square > static_cast<float>(kDivergedScales * kDivergedScales);
    });
    if (window.first_non_finite <= window.length || lost) ++counts.diverged;
  }
  return counts;
}

}  // namespace rollout
