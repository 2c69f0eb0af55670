#include "trainer/collection/policy_plan.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/collection/noisy_policy.h"
#include "trainer/collection/random_policy.h"

namespace rollout {

PolicyPlan SinglePolicy(NamedPolicy policy) {
  PolicyPlan plan;
  plan.policies.push_back(std::move(policy));
  plan.pattern = {0};
  return plan;
}

NamedPolicy RandomPolicyNamed() {
  return {.name = "random", .make = [] { return std::make_unique<RandomPolicy>(); }};
}

absl::StatusOr<NamedPolicy> ActorPolicyNamed(const std::string& name,
                                             std::shared_ptr<const Actor> actor,
                                             const SystemInfo& info, bool stochastic) {
  absl::StatusOr<std::unique_ptr<ActorPolicy>> trial = ActorPolicy::Create(actor, info, stochastic);
  if (!trial.ok()) return trial.status();
  return NamedPolicy{.name = name, .make = [actor = std::move(actor), info, stochastic] {
                       return *ActorPolicy::Create(actor, info, stochastic);
                     }};
}

NamedPolicy WithNoise(const std::string& name, NamedPolicy policy,
                      std::function<std::unique_ptr<ExplorationNoise>()> make_noise) {
  return {.name = name,
          .make = [make = std::move(policy.make), make_noise = std::move(make_noise)] {
            return std::make_unique<NoisyPolicy>(make(), make_noise());
          }};
}

absl::StatusOr<PolicyPlan> ActorMixture(std::shared_ptr<const Actor> actor,
                                        const std::vector<std::shared_ptr<const Actor>>& earlier,
                                        const SystemInfo& info,
                                        const OrnsteinUhlenbeckOptions& noise) {
  if (earlier.empty()) {
    return absl::InvalidArgumentError(
        "a mixture needs actors from earlier in the training, found none");
  }
  PolicyPlan plan;
  absl::StatusOr<NamedPolicy> stochastic = ActorPolicyNamed("actor", actor, info, true);
  if (!stochastic.ok()) return stochastic.status();
  plan.policies.push_back(*stochastic);
  plan.policies.push_back(WithNoise("actor+ornstein_uhlenbeck", *std::move(stochastic), [noise] {
    return std::make_unique<OrnsteinUhlenbeckNoise>(noise);
  }));
  for (size_t i = 0; i < earlier.size(); ++i) {
    absl::StatusOr<NamedPolicy> policy =
        ActorPolicyNamed(absl::StrCat("earlier_", i), earlier[i], info, true);
    if (!policy.ok()) return policy.status();
    for (const size_t index : {size_t{0}, size_t{1}, size_t{0}, plan.policies.size()}) {
      plan.pattern.push_back(index);
    }
    plan.policies.push_back(*std::move(policy));
  }
  return plan;
}

}  // namespace rollout
