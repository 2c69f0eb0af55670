// Variants of models, losses and systems, as rules on records: T5, T6 and T12-T15.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_VARIANT_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_VARIANT_CLAIMS_H_

#include "experiments/gruver/claim_rows.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// Of "toy-symplectic", the regulariser's weights from 0 on, ratios of geometric means over seeds.
//   T5  the best weight's rollout error is at least 0.8 times that without the regulariser, on
//   every
//       system
//   T6  Spearman's rank correlation of symplecticity and rollout error over weights and seeds is at
//       most 0.3 on every system, and below 0 for three and more bodies
void AddSymplecticityClaims(const ComparisonResults& results, ClaimRows* rows);

// Of "toy-friction".
//   T12  (a) NODE+SO / SymODEN in rollout error at most 2 on every system (below 0.5 it is more
//   than
//        the claim says, and counted), with fewer parameters and less time a step; (b) HNN worst,
//        or at least twice NODE+SO, on every system
//   T13  HNN's training loss over the best model's: reported without a rule
void AddFrictionClaims(const ComparisonResults& results, ClaimRows* rows);

// Of "toy-losses", systems of one family pooled as in the paper.
//   T14  NODE, NODE+SO and HNN are in the same order of rollout error with either loss; every
//        model's L1 / L2 is in [0.5, 1.1]
void AddLossClaim(const ComparisonResults& results, ClaimRows* rows);

// Of "toy-others".
//   T15  gyroscope: HNN <= NODE+SO < NODE; magnet pendulum and rotor: NODE <= both, all within 2x
void AddOtherSystemsClaim(const ComparisonResults& results, ClaimRows* rows);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_VARIANT_CLAIMS_H_
