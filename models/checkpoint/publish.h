// How a version enters a model repository, and how old ones leave it.
#ifndef ROLLOUT_MODELS_CHECKPOINT_PUBLISH_H_
#define ROLLOUT_MODELS_CHECKPOINT_PUBLISH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "models/checkpoint/checkpoint.h"

namespace rollout {

struct PublishOptions {
  // Left-over staging folders of publishers that were killed are removed when they are older.
  absl::Duration staging_age = absl::Hours(24);
};

// Publishes `content` as the next version of content.model.spec.name and returns its number: writes
// <model>/.staging-<random>/, syncs its files and itself, renames it to the highest version + 1
// without ever replacing (when that is taken, the next), syncs the parent. A reader sees the whole
// version or none of it, whatever happens to the publisher; two publishers never get one number.
// The repository must exist; the model's folder is made when missing. Any thread, any process.
// Errors: INVALID_ARGUMENT (ValidateModel, a golden set that does not fit), those of the operating
// system with the path (a full disk: RESOURCE_EXHAUSTED); nothing is left behind then.
absl::StatusOr<int64_t> PublishCheckpoint(const std::string& repository,
                                          const CheckpointContent& content, const Clock& clock,
                                          const PublishOptions& options = {});

// Removes all but the `keep` highest versions (keep >= 1) and returns what it removed, ascending. A
// version first leaves its name, so that no reader finds half of it.
absl::StatusOr<std::vector<int64_t>> PruneVersions(const std::string& repository,
                                                   const std::string& model, int keep);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_PUBLISH_H_
