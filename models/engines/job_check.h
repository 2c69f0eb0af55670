#ifndef ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_
#define ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "models/engines/rollout_job.h"
#include "models/transition_model.h"

namespace rollout {

// OK, or INVALID_ARGUMENT naming the span whose size contradicts lanes, horizon and `spec`, the
// setting out of range, or the output that the model cannot give (returns without a reward or a
// cost, states outside data whose range is unknown, the spread of one member).
absl::Status ValidateJob(const RolloutJob& job, const TransitionModelSpec& spec);

// OK, or INVALID_ARGUMENT naming the part of `cost` that does not fit the model or the horizon.
absl::Status ValidateCost(const DiagonalCost& cost, int64_t horizon,
                          const TransitionModelSpec& spec);

// Whether `size` is the product of three extents (which may overflow 64 bits).
bool IsProduct(size_t size, int64_t a, int64_t b, int64_t c);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_JOB_CHECK_H_
