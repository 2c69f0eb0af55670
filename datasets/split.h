#ifndef ROLLOUT_DATASETS_SPLIT_H_
#define ROLLOUT_DATASETS_SPLIT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace rollout {

enum class SplitSide { kTrain, kTest };

// A number in [0, 1) that is uniform over episodes and a function of these two alone: the first 53
// bits of SHA-256("<dataset id>\n<episode id>").
double SplitPosition(absl::string_view dataset_id, int64_t episode_id);

// Test where the position is below `test_fraction`. An episode's side thus never changes as a
// dataset grows, and the test episodes of a smaller fraction are among those of a larger one.
SplitSide SideOfEpisode(absl::string_view dataset_id, int64_t episode_id, double test_fraction);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_SPLIT_H_
