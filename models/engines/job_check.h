#ifndef ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_
#define ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_

#include "absl/status/status.h"
#include "models/engines/rollout_job.h"
#include "models/transition_model.h"

namespace rollout {

// OK, or INVALID_ARGUMENT naming the span whose size contradicts lanes, horizon and `spec`, the
// setting out of range, or the output that the model cannot give (returns without a reward or a
// cost, states outside data whose range is unknown, the spread of one member).
absl::Status ValidateJob(const RolloutJob& job, const TransitionModelSpec& spec);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_
