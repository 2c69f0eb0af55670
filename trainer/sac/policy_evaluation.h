// How well a policy does its task.
#ifndef ROLLOUT_TRAINER_SAC_POLICY_EVALUATION_H_
#define ROLLOUT_TRAINER_SAC_POLICY_EVALUATION_H_

#include <cstdint>
#include <vector>

#include "systems/system.h"
#include "trainer/policy.h"

namespace rollout {

struct PolicyReturns {
  std::vector<double> returns;  // undiscounted, one per episode
  double mean = 0.0;
  double standard_deviation = 0.0;  // over the episodes, ddof 1; 0 for a single one
  double mean_steps = 0.0;
};

// Runs whole episodes, to termination or the time limit; episode i is reset with seed
// DeriveSeed(seed, i). `episodes` >= 1.
PolicyReturns EvaluatePolicy(System& system, Policy& policy, int episodes, uint64_t seed);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_POLICY_EVALUATION_H_
