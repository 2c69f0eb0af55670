// How many rollouts of a model leave what was observed for good.
#ifndef ROLLOUT_MODELS_EVALUATION_DIVERGENCE_H_
#define ROLLOUT_MODELS_EVALUATION_DIVERGENCE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/evaluation/predictor.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

// A rollout has diverged where a state is not finite, or farther from the observed one, in any
// dimension, than this many state_scales: nothing that a model mispredicts in a bounded system
// comes there.
inline constexpr double kDivergedScales = 100.0;

struct DivergenceCounts {
  int64_t windows = 0;
  int64_t diverged = 0;
  int64_t horizon = 0;  // of the longest window, transitions
};

// Rolls `predictor` out along every window of `set`. `state_scale` [2n] > 0. Errors are the
// predictor's.
absl::StatusOr<DivergenceCounts> CountDiverged(Predictor& predictor, const WindowSet& set,
                                               const std::vector<float>& state_scale,
                                               const std::vector<int>& angular_positions);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_DIVERGENCE_H_
