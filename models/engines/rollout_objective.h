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

// One transition as a DiagonalCost sees it. `previous_control` is the control before (null: there
// is none); `next_state` is z_{step + 1}, [2n].
struct CostedTransition {
  int64_t step = 0;     // from 0
  int64_t horizon = 0;  // T
  const float* control = nullptr;
  const float* previous_control = nullptr;
  const double* next_state = nullptr;
};
double TransitionCost(const DiagonalCost& cost, const TransitionModelSpec& spec,
                      const CostedTransition& transition);

// Adds the derivatives of -weight times that cost to arrays [nu], [nu] (null where there is no
// control before) and [2n].
void AddNegativeCostGradient(const DiagonalCost& cost, const TransitionModelSpec& spec,
                             const CostedTransition& transition, double weight, float* by_control,
                             float* by_previous_control, float* by_next_state);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ROLLOUT_OBJECTIVE_H_
