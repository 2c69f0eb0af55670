#include "trainer/collection/random_policy.h"

namespace rollout {

void RandomPolicy::Act(const System& system, absl::Span<double> action) {
  const SystemInfo& info = system.info();
  for (size_t i = 0; i < action.size(); ++i) {
    action[i] = random_.Uniform(info.control_low[i], info.control_high[i]);
  }
}

}  // namespace rollout
