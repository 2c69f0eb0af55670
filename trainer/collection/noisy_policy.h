#ifndef ROLLOUT_TRAINER_COLLECTION_NOISY_POLICY_H_
#define ROLLOUT_TRAINER_COLLECTION_NOISY_POLICY_H_

#include <memory>

#include "base/random.h"
#include "trainer/collection/exploration_noise.h"
#include "trainer/policy.h"

namespace rollout {

// Another policy's actions plus noise, clipped to the control bounds. Owned and used by one thread.
class NoisyPolicy final : public Policy {
 public:
  NoisyPolicy(std::unique_ptr<Policy> policy, std::unique_ptr<ExplorationNoise> noise);

  void StartEpisode(uint64_t seed) override;
  void Act(const System& system, absl::Span<double> action) override;

 private:
  const std::unique_ptr<Policy> policy_;
  const std::unique_ptr<ExplorationNoise> noise_;
  Random random_{0};
  bool started_ = false;  // the noise, which needs to know how many controls there are
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_NOISY_POLICY_H_
