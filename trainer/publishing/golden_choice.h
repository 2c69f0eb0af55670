// Which rollouts a new version must reproduce wherever it is served.
#ifndef ROLLOUT_TRAINER_PUBLISHING_GOLDEN_CHOICE_H_
#define ROLLOUT_TRAINER_PUBLISHING_GOLDEN_CHOICE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "models/checkpoint/golden.h"
#include "models/transition_model.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

struct GoldenOptions {
  int64_t lanes = 8;
  int64_t longest = 200;  // transitions
  // Largest deviation of float32 from float64, relative to each dimension's spread.
  double tolerance = 1e-4;
};

// Rollouts of `model` from held-out states under the recorded controls, computed in float64. As
// long as float32 follows them within the tolerance, halving from `longest`: a model that amplifies
// rounding must not fail on another processor. INVALID_ARGUMENT where even one transition differs
// or no rollout stays finite.
absl::StatusOr<GoldenSet> ChooseGolden(const TransitionModel& model, const FitData& data,
                                       const GoldenOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_GOLDEN_CHOICE_H_
