// The version of a model that a server would serve now.
#ifndef ROLLOUT_TRAINER_PUBLISHING_LIVE_VERSION_H_
#define ROLLOUT_TRAINER_PUBLISHING_LIVE_VERSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "models/checkpoint/checkpoint.h"

namespace rollout {

struct LiveVersion {
  int64_t version = 0;
  Checkpoint checkpoint;
};

// The highest version of `model` that the checkpoint reader accepts; those above it that it refuses
// are logged. Nothing where there is none. Errors: those of the operating system where the
// repository cannot be read.
absl::StatusOr<std::optional<LiveVersion>> FindLiveVersion(const std::string& repository,
                                                           const std::string& model);

// Version `version` (0 = the highest that can be read). NOT_FOUND, naming repository and model,
// where there is none; the reader's error for a damaged one.
absl::StatusOr<LiveVersion> ReadVersion(const std::string& repository, const std::string& model,
                                        int64_t version);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_LIVE_VERSION_H_
