// One observed episode in a file.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_EPISODE_FILE_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_EPISODE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/rolloutctl/array_file.h"

namespace rollout {

// T transitions as they happened.
struct EpisodeFile {
  Array states;           // [T + 1, 2n]
  Array controls;         // [T, nu], as applied
  Array timestamps;       // [T + 1] seconds, of the states; empty = not said
  absl::Duration period;  // between states; zero = not said
  bool terminated = false;
  bool truncated = false;

  int64_t num_transitions() const { return controls.shape[0]; }
};

// Reads a .json file {"states": [[...]], "controls": [[...]], "timestamps": [...], "period":
// seconds, "terminated": bool, "truncated": bool} of which the last four may be missing, or a .npz
// file of numpy.savez(states=..., controls=...), if wanted with timestamps. INVALID_ARGUMENT naming
// what was found and expected.
absl::StatusOr<EpisodeFile> ReadEpisode(const std::string& path);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_EPISODE_FILE_H_
