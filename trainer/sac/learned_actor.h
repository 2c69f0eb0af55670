// The learner's actor as the framework-free actor that collects, is evaluated and is saved.
#ifndef ROLLOUT_TRAINER_SAC_LEARNED_ACTOR_H_
#define ROLLOUT_TRAINER_SAC_LEARNED_ACTOR_H_

#include "absl/types/span.h"
#include "systems/system.h"
#include "trainer/sac/actor.h"
#include "trainer/sac/sac_options.h"

namespace rollout {

// An actor for `info`'s system with zero weights, of the learner's architecture.
Actor MakeLearnedActor(const SacOptions& options, const SystemInfo& info);

// Copies `parameters`, laid out as SacNetworkShape says, into such an actor. Allocates nothing.
void CopyLearnedParameters(absl::Span<const float> parameters, Actor* actor);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_LEARNED_ACTOR_H_
