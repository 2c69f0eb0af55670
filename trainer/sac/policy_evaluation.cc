#include "trainer/sac/policy_evaluation.h"

#include <cmath>

#include "base/random.h"

namespace rollout {

PolicyReturns EvaluatePolicy(System& system, Policy& policy, int episodes, uint64_t seed) {
  PolicyReturns result;
  std::vector<double> action(system.info().num_controls);
  for (int episode = 0; episode < episodes; ++episode) {
    const uint64_t episode_seed = DeriveSeed(seed, episode);
    system.Reset(episode_seed);
    policy.StartEpisode(episode_seed);
    double sum = 0.0;
    StepResult step;
    int steps = 0;
    while (!step.terminated && !step.truncated) {
      policy.Act(system, absl::MakeSpan(action));
      step = system.Step(action);
      sum += step.reward;
      ++steps;
    }
    result.returns.push_back(sum);
    result.mean += sum / episodes;
    result.mean_steps += static_cast<double>(steps) / episodes;
  }
  if (episodes > 1) {
    double squares = 0.0;
    for (double value : result.returns) squares += (value - result.mean) * (value - result.mean);
    result.standard_deviation = std::sqrt(squares / (episodes - 1));
  }
  return result;
}

}  // namespace rollout
