// Policies from actor files.
#ifndef ROLLOUT_TRAINER_COLLECTION_POLICY_FILES_H_
#define ROLLOUT_TRAINER_COLLECTION_POLICY_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/sac/actor.h"

namespace rollout {

// The errors of ReadActorFile.
absl::StatusOr<std::shared_ptr<const Actor>> LoadActor(const std::string& path);

// The snapshots that `rollout-trainer sac` keeps beside its actors, oldest first; empty where there
// are none.
std::vector<std::string> SnapshotsBeside(const std::string& actor_file);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_POLICY_FILES_H_
