// One episode as a group of an HDF5 file. Only the .cc files of this room include this; callers
// hold an Hdf5Session.
#ifndef ROLLOUT_DATASETS_EPISODE_GROUP_H_
#define ROLLOUT_DATASETS_EPISODE_GROUP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/dataset.h"
#include "datasets/hdf5_handle.h"

namespace rollout {

// "episode_<id>".
std::string EpisodeGroupName(int64_t id);

// The sizes of an episode's arrays, as they lie in the file.
struct EpisodeShape {
  int64_t steps = 0;
  int state_size = 0;
  int num_controls = 0;
};

absl::Status WriteEpisodeGroup(hid_t file, const DatasetInfo& info, const Episode& episode,
                               int deflate_level);

// INVALID_ARGUMENT naming the group, what was found and what was expected where arrays are missing
// or do not belong together.
absl::StatusOr<EpisodeShape> ReadEpisodeShape(hid_t file, int64_t id);

// The episode, whose shape was read before.
absl::StatusOr<Episode> ReadEpisodeGroup(hid_t file, int64_t id, const EpisodeShape& shape);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_EPISODE_GROUP_H_
