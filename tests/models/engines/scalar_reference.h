// Rollouts computed one number at a time in float64, written to read like the formulas in
// docs/models.md: what every engine is held against. No LibTorch, no batches, no gradients by hand:
// derivatives of H come from dual numbers.
#ifndef ROLLOUT_TESTS_MODELS_ENGINES_SCALAR_REFERENCE_H_
#define ROLLOUT_TESTS_MODELS_ENGINES_SCALAR_REFERENCE_H_

#include <vector>

#include "models/transition_model.h"

namespace rollout {

// The trajectory [T + 1, 2n] of one member of the ensemble from `initial` [2n] under `controls`
// [T, nu]. At most six positions. DOPRI5 is answered with RK4 at a 16th of a substep.
std::vector<double> ReferenceRollout(const TransitionModel& model, int member,
                                     const std::vector<float>& initial,
                                     const std::vector<float>& controls, int horizon);

// Trajectories [B, T + 1, 2n] of `lanes` lanes, means over members. `initial` holds one state for
// all lanes or one for each.
std::vector<double> ReferenceRollouts(const TransitionModel& model,
                                      const std::vector<float>& initial,
                                      const std::vector<float>& controls, int lanes, int horizon);

// Per dimension of z, max(max − min, 1e-3 max |z|, 1e-6) over all lanes and times.
std::vector<double> Spread(const std::vector<double>& trajectories, int state_size);

// max over everything of |actual − expected| / spread of its dimension; infinite where one of them
// is not finite.
double LargestDeviation(const std::vector<float>& actual, const std::vector<double>& expected,
                        const std::vector<double>& spread);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_MODELS_ENGINES_SCALAR_REFERENCE_H_
