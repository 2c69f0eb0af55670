// What second-order structure brings, as rules on records: T1, T7-T11 and T16.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_SECOND_ORDER_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_SECOND_ORDER_CLAIMS_H_

#include "experiments/gruver/claim_rows.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// Of "toy-rollouts". Ratios are of geometric means over seeds.
//   T1   sum over systems of (ln NODE - ln SO) / sum of (ln NODE - ln HNN) >= 0.7 over springs,
//        >= 0.5 over chains; without a verdict in its favour where HNN is not below NODE on every
//        system: there is no gap to close, and a small one would decide the share
//   T7   NODE+SO below NODE on every system by more than two standard errors of ln error
//   T9   ln NODE+SO is nearer to ln HNN than to ln NODE on most systems
//   T10  HNN below NODE+SO on every chain, in MSE and rollout error
//   T11  NODE+SO at most 1.2 times HNN in MSE on every spring, and below it on most
//   T16  NODE+SO takes less time a step than HNN on every system: the same at every scale and with
//        every seed, so that one seed of any scale decides it
void AddSecondOrderClaims(const ComparisonResults& results, ClaimRows* rows);

// T8, of "toy-second-order": HNN below HNN without second-order structure on every system.
void AddSeparableClaim(const ComparisonResults& results, ClaimRows* rows);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_SECOND_ORDER_CLAIMS_H_
