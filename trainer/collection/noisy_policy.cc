#include "trainer/collection/noisy_policy.h"

#include <algorithm>
#include <utility>

namespace rollout {

NoisyPolicy::NoisyPolicy(std::unique_ptr<Policy> policy, std::unique_ptr<ExplorationNoise> noise)
    : policy_(std::move(policy)), noise_(std::move(noise)) {}

void NoisyPolicy::StartEpisode(uint64_t seed) {
  policy_->StartEpisode(DeriveSeed(seed, 0));
  random_ = Random(DeriveSeed(seed, 1));
  started_ = false;
}

void NoisyPolicy::Act(const System& system, absl::Span<double> action) {
  if (!started_) noise_->Start(static_cast<int>(action.size()), random_);
  started_ = true;
  policy_->Act(system, action);
  const absl::Span<const double> noise = noise_->Next(random_);
  const SystemInfo& info = system.info();
  for (size_t i = 0; i < action.size(); ++i) {
    const double low = info.control_low[i];
    const double high = info.control_high[i];
    action[i] = std::clamp(action[i] + 0.5 * (high - low) * noise[i], low, high);
  }
}

}  // namespace rollout
