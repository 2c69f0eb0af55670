// What becomes of the energy along a rollout, as rules on records: T2-T4.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_ENERGY_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_ENERGY_CLAIMS_H_

#include "experiments/gruver/claim_rows.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// Of "toy-rollouts". Runs that diverged or have a rollout that is not finite have no energy error:
// they are left out, and counted in the row.
//   T2   ln energy error on ln rollout error over all runs: slope in [0.7, 1.3], R^2 >= 0.8,
//        intercepts of the models raise it by less than 0.05, every model's mean residual is below
//        0.3 standard deviations
//   T3   HNN / NODE in energy error at equal rollout error (one slope, an intercept each) in
//        [0.5, 2]
//   T4   energy error (geometric mean over seeds) over the last decade of time grows with a power
//        in [0.5, 1.5] for NODE and HNN on every system, and HNN's at least threefold. Beside it
//        how large rollout errors are at the end: near 1 nothing can grow any more
void AddEnergyClaims(const ComparisonResults& results, ClaimRows* rows);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_ENERGY_CLAIMS_H_
