#ifndef ROLLOUT_MODELS_ENGINES_ROLLOUT_OBJECTIVE_H_
#define ROLLOUT_MODELS_ENGINES_ROLLOUT_OBJECTIVE_H_

#include "absl/status/statusor.h"
#include "models/engines/rollout_job.h"
#include "models/rewards/reward.h"
#include "models/transition_model.h"

namespace rollout {

// The reward and termination functions of a specification; null where it names none. Plain data.
struct RolloutObjective {
  RewardFunction reward = nullptr;
  TerminationFunction termination = nullptr;

  // The errors of FindReward and FindTermination.
  static absl::StatusOr<RolloutObjective> Find(const TransitionModelSpec& spec);
};

// What transition `step` (0-based) of `job` costs by its DiagonalCost. `control` is that of the
// transition, `previous_control` the one before it, [nu] each (null: there is none), `next_state`
// z_{step + 1}, [2n].
double TransitionCost(const RolloutJob& job, const TransitionModelSpec& spec, int64_t step,
                      const float* control, const float* previous_control,
                      const double* next_state);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ROLLOUT_OBJECTIVE_H_
