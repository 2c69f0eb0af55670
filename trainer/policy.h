// What drives a system while episodes are collected.
#ifndef ROLLOUT_TRAINER_POLICY_H_
#define ROLLOUT_TRAINER_POLICY_H_

#include <cstdint>

#include "absl/types/span.h"
#include "systems/system.h"

namespace rollout {

// Chooses actions for one environment. Each collecting thread owns one; deterministic in its seed.
class Policy {
 public:
  virtual ~Policy() = default;

  // A new episode starts; all randomness of the episode follows from `seed`.
  virtual void StartEpisode(uint64_t seed) = 0;

  // Writes the action [nu] for the system's present state, within the system's control bounds.
  virtual void Act(const System& system, absl::Span<double> action) = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_POLICY_H_
