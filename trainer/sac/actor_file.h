// Actors on disk: safetensors whose metadata say what the network sees and how its output becomes
// controls (docs/policies.md).
#ifndef ROLLOUT_TRAINER_SAC_ACTOR_FILE_H_
#define ROLLOUT_TRAINER_SAC_ACTOR_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/sac/actor.h"

namespace rollout {

// NOT_FOUND where there is no such file; INVALID_ARGUMENT naming the file and the metadata entry or
// tensor that is missing, unknown or misshapen, and what was expected.
absl::StatusOr<Actor> ReadActorFile(const std::string& path);

// Replaces the file in one step. INVALID_ARGUMENT where the actor is not valid, or the error of the
// operating system.
absl::Status WriteActorFile(const std::string& path, const Actor& actor);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_ACTOR_FILE_H_
