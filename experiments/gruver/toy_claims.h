// The claims of Gruver et al. (2022) about mechanical systems, as rules on records.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_

#include <string>
#include <vector>

#include "experiments/claims.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// What `results` of the comparison `experiment` say: T1-T4, T7, T9-T11 and T16 of "toy-rollouts",
// T8 of "toy-second-order", T12 and T13 of "toy-friction", T15 of "toy-others", T5 and T6 of
// "toy-symplectic", T14 of "toy-losses"; the rules are in second_order_claims.h, energy_claims.h
// and variant_claims.h. They are on geometric means over seeds, in which the error of a run that
// diverged, or has a rollout that is not finite, is infinite; the figures shown are medians over
// seeds with the least and the most. A verdict takes three seeds. Runs at `quick` say something of
// those comparisons alone that are asked for at that scale: regulariser, losses and other systems.
std::vector<ClaimResult> ToyClaims(const std::string& experiment, const ComparisonResults& results);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_CLAIMS_H_
