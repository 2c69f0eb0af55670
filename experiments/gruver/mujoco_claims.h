// The claims of Gruver et al. (2022) about MuJoCo tasks, as rules on records.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_CLAIMS_H_

#include <optional>
#include <string>
#include <vector>

#include "experiments/claims.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// M1-M4, on geometric means over seeds, on every one of `tasks`; the figures shown are medians over
// seeds with the least and the most. A verdict takes four seeds; `quick` runs say nothing.
//   M1  NODE+SO below NODE in test error
//   M2  SymODEN above NODE in test error
//   M3  SymODEN above NODE, and NODE at or above NODE+SO, in training loss
//   M4  SymODEN at least three times NODE+SO in test error
// Where `fair` has the fair SymODEN's runs at the same scale its ratios stand beside the paper's:
// what is the kind's and what the protocol's. They decide nothing.
std::vector<ClaimResult> MujocoClaims(const std::vector<std::string>& tasks,
                                      const ComparisonResults& results,
                                      const std::optional<ComparisonResults>& fair);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_CLAIMS_H_
