// Named reward and termination functions of one transition (z, u, z'), used by systems (ground
// truth), engines (the return of a rollout) and planners. Names are those of model.json:
// "hopper_v5".
#ifndef ROLLOUT_MODELS_REWARDS_REWARD_H_
#define ROLLOUT_MODELS_REWARDS_REWARD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rollout {

// One transition: states [q, v] of 2n numbers, control of nu numbers, dt in seconds.
struct TransitionView {
  absl::Span<const double> state;
  absl::Span<const double> control;
  absl::Span<const double> next_state;
  double dt = 0.0;
};

// Plain functions: no state, any thread. Both are total: non-finite states give a non-finite
// reward, and terminate where the environment's own rule says so.
using RewardFunction = double (*)(const TransitionView& transition);
using TerminationFunction = bool (*)(const TransitionView& transition);

// Where the derivatives of a reward go: those with respect to z [2n], u [nu] and z' [2n].
struct RewardGradient {
  absl::Span<double> state;
  absl::Span<double> control;
  absl::Span<double> next_state;
};

// Adds to `gradient` the derivatives of a reward at a transition. Steps of a reward (a bonus for
// being healthy) have derivative 0.
using RewardGradientFunction = void (*)(const TransitionView& transition,
                                        const RewardGradient& gradient);

// NOT_FOUND listing the names there are; INVALID_ARGUMENT where the named function needs other
// sizes than `num_positions` and `num_controls`.
absl::StatusOr<RewardFunction> FindReward(const std::string& name, int num_positions,
                                          int num_controls);
absl::StatusOr<RewardGradientFunction> FindRewardGradient(const std::string& name,
                                                          int num_positions, int num_controls);
absl::StatusOr<TerminationFunction> FindTermination(const std::string& name, int num_positions,
                                                    int num_controls);

std::vector<std::string> RewardNames();
std::vector<std::string> TerminationNames();

}  // namespace rollout

#endif  // ROLLOUT_MODELS_REWARDS_REWARD_H_
