// Which policy drives which episode of a collection.
#ifndef ROLLOUT_TRAINER_COLLECTION_POLICY_PLAN_H_
#define ROLLOUT_TRAINER_COLLECTION_POLICY_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/system.h"
#include "trainer/collection/exploration_noise.h"
#include "trainer/policy.h"
#include "trainer/sac/actor.h"

namespace rollout {

struct NamedPolicy {
  std::string name;  // "actor", as the dataset calls what drove an episode
  std::function<std::unique_ptr<Policy>()> make;  // one for each thread; any thread may call it
};

// Episode i is driven by policies[pattern[i % pattern.size()]]. A value; read-only while
// collecting.
struct PolicyPlan {
  std::vector<NamedPolicy> policies;
  std::vector<size_t> pattern;

  size_t PolicyOf(int64_t episode) const {
    return pattern[static_cast<size_t>(episode) % pattern.size()];
  }
};

// One policy for every episode.
PolicyPlan SinglePolicy(NamedPolicy policy);

NamedPolicy RandomPolicyNamed();

// The actor, sampled stochastically or taking its mode. INVALID_ARGUMENT where its sizes are not
// `info`'s.
absl::StatusOr<NamedPolicy> ActorPolicyNamed(const std::string& name,
                                             std::shared_ptr<const Actor> actor,
                                             const SystemInfo& info, bool stochastic);

// `policy` with noise of the kind that `make_noise` makes.
NamedPolicy WithNoise(const std::string& name, NamedPolicy policy,
                      std::function<std::unique_ptr<ExplorationNoise>()> make_noise);

// What a transition model is trained on: of every four episodes two by the actor sampled
// stochastically, one by the same with Ornstein-Uhlenbeck noise, and one by an actor from earlier
// in its training, taking turns. INVALID_ARGUMENT where there is no earlier actor or sizes are not
// `info`'s.
absl::StatusOr<PolicyPlan> ActorMixture(std::shared_ptr<const Actor> actor,
                                        const std::vector<std::shared_ptr<const Actor>>& earlier,
                                        const SystemInfo& info,
                                        const OrnsteinUhlenbeckOptions& noise = {});

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_POLICY_PLAN_H_
