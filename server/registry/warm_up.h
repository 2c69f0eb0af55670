// Rollouts and gradients that a new version computes before anybody waits for it.
#ifndef ROLLOUT_SERVER_REGISTRY_WARM_UP_H_
#define ROLLOUT_SERVER_REGISTRY_WARM_UP_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout {

// What a request may ask of an engine that takes a way of its own through it.
enum class WarmUpOutput {
  kTrajectory,  // states at every transition
  kReductions,  // final state, return, rewards, steps
  kGradient,    // of states, and of the return where there is a reward
};

struct WarmUpPath {
  int64_t lanes = 0;
  WarmUpOutput output = WarmUpOutput::kTrajectory;
  friend bool operator==(const WarmUpPath&, const WarmUpPath&) = default;
};

// Every (batch bucket x output), gradients with buckets of their own: one lane, each layout and
// tile that engines choose by, and all threads. `same_architecture`: a version of the same
// architecture has warmed the code of this process, and only the engine's own memory is left to
// touch, by the smallest and the largest bucket.
std::vector<WarmUpPath> WarmUpPaths(bool same_architecture);

// Whether versions with these specs run the same code on arrays of the same sizes: all that differs
// is numbers.
bool SameArchitecture(const TransitionModelSpec& a, const TransitionModelSpec& b);

// Computes each of `paths` for one transition. The number of them that ran: an engine that has
// no gradient of the model leaves these out. The engine's error otherwise.
absl::StatusOr<int> WarmUp(const TransitionModelSpec& spec, const std::vector<WarmUpPath>& paths,
                           Engine* engine);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_WARM_UP_H_
