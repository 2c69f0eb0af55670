// The scale on which trajectories of one model are compared.
#ifndef ROLLOUT_MODELS_TRAJECTORY_SPREAD_H_
#define ROLLOUT_MODELS_TRAJECTORY_SPREAD_H_

#include <vector>

#include "absl/types/span.h"

namespace rollout {

// The spread of each dimension over all lanes and times of `states` [..., state_size]: max(max -
// min, 1e-3 max |z|, 1e-6). The last two keep a short or still trajectory from being judged below
// the rounding of float32. Non-finite states do not count.
std::vector<double> StateSpread(absl::Span<const float> states, int state_size);
std::vector<double> StateSpread(absl::Span<const double> states, int state_size);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_TRAJECTORY_SPREAD_H_
