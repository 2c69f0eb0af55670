// The episodes of SAC's replay buffer, as Gruver et al. (2022) train and test on.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_DATA_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_DATA_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

inline constexpr int kMujocoWindowStates = 3;
inline constexpr int64_t kMujocoTrainWindows = 40000;
inline constexpr int kMujocoTestRollouts = 200;

inline constexpr char kReplayFile[] = "replay.hdf5";

struct MujocoDataOptions {
  std::string task;                     // "hopper_v5"
  std::string folder;                   // of replay.hdf5, its shards and SAC's own files
  int64_t sac_steps = 0;                // environment steps of the training that makes replay.hdf5
  int64_t random_steps = 0;             // the first of them, before anything is learned
  int64_t checkpoint_interval = 20000;  // steps; a minute or two
  std::function<void(int64_t step)> on_step = [](int64_t) {};  // after each step of SAC
};

// Reads folder/replay.hdf5; where there is none, trains SAC and keeps its episodes there first. A
// training that was stopped goes on where it was, one that was killed from its last checkpoint: no
// episode is there twice, and what came after the checkpoint is made again. A fifth of the episodes
// is held out. The models see the whole [q, v] as it is, as the paper's do: no position counts as
// an angle or is ignored. CANCELLED once `stop` is set.
absl::StatusOr<FitData> ReadReplayEpisodes(const MujocoDataOptions& options,
                                           const std::atomic<bool>& stop);

// Up to kMujocoTestRollouts stretches of `states` states of held-out episodes, without overlap,
// drawn with a fixed seed. INVALID_ARGUMENT where no episode is long enough.
absl::StatusOr<std::vector<ObservedEpisode>> TakeTestStretches(const FitData& data, int states);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_DATA_H_
