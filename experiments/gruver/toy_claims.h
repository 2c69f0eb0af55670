// The claims of Gruver et al. (2022) about mechanical systems, as rules on records.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_

#include <string>
#include <vector>

#include "experiments/claims.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// What `results` of the comparison `experiment` say: T1-T4, T7, T9-T11 and T16 of "toy-rollouts",
// T8 of "toy-second-order", T12 and T13 of "toy-friction", T15 of "toy-others". Rules are on
// geometric means over seeds; a diverged run's error is infinite. Thresholds:
//   T1   (ln NODE - ln SO) / (ln NODE - ln HNN) >= 0.7 on average over springs, >= 0.5 over chains
//   T2   ln energy error on ln rollout error over all runs: slope in [0.7, 1.3], R^2 >= 0.8,
//        intercepts of the models raise it by less than 0.05, every model's mean residual is below
//        0.3 standard deviations
//   T3   HNN / NODE in energy error at equal rollout error (one slope, an intercept each) in
//        [0.5, 2]
//   T4   energy error over the last decade of time grows with a power in [0.5, 1.5] for NODE and
//        HNN on every system, and HNN's at least threefold
//   T7   NODE+SO below NODE on every system by more than two standard errors of ln error
//   T8   HNN below HNN without second-order structure on every system
//   T9   ln NODE+SO is nearer to ln HNN than to ln NODE on most systems
//   T10  HNN below NODE+SO on every chain, in MSE and rollout error
//   T11  NODE+SO at most 1.2 times HNN in MSE on every spring, and below it on most
//   T12  NODE+SO / SymODEN in [0.5, 2] on every system with fewer parameters and less time a step;
//        and HNN worst on every system
//   T15  gyroscope: HNN <= NODE+SO < NODE; magnet pendulum and rotor: NODE <= both, all within 2x
//   T16  NODE+SO takes less time a step than HNN on every system (the same at every scale)
// T13 (HNN's training loss with drag) is reported without a rule. Quick runs say nothing but T16.
std::vector<ClaimResult> ToyClaims(const std::string& experiment, const ComparisonResults& results);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_
