#ifndef ROLLOUT_TRAINER_COLLECTION_RANDOM_POLICY_H_
#define ROLLOUT_TRAINER_COLLECTION_RANDOM_POLICY_H_

#include "base/random.h"
#include "trainer/policy.h"

namespace rollout {

// Actions uniform within the system's control bounds, independent from step to step. Owned and used
// by one thread.
class RandomPolicy final : public Policy {
 public:
  void StartEpisode(uint64_t seed) override { random_ = Random(seed); }
  void Act(const System& system, absl::Span<double> action) override;

 private:
  Random random_{0};
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_RANDOM_POLICY_H_
