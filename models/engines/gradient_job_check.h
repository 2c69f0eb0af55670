#ifndef ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_CHECK_H_
#define ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_CHECK_H_

#include "absl/status/status.h"
#include "models/engines/gradient_job.h"
#include "models/transition_model.h"

namespace rollout {

// OK, or INVALID_ARGUMENT naming the span whose size contradicts lanes, horizon and `spec`, the
// setting out of range, or what the model cannot give (the gradient of a return without a reward).
absl::Status ValidateGradientJob(const GradientJob& job, const TransitionModelSpec& spec);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_CHECK_H_
