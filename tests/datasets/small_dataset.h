// A small valid dataset for tests of whoever reads or writes one.
#ifndef ROLLOUT_TESTS_DATASETS_SMALL_DATASET_H_
#define ROLLOUT_TESTS_DATASETS_SMALL_DATASET_H_

#include <cmath>

#include "datasets/dataset.h"

namespace rollout {

inline DatasetInfo SmallInfo() {
  return {.id = "rollout/small-v0",
          .system = "small",
          .num_positions = 2,
          .num_velocities = 2,
          .num_controls = 1,
          .dt = 0.05,
          .angular_positions = {1},
          .ignored_positions = {0},
          .control_low = {-1.0},
          .control_high = {2.0},
          .state_names = {"x", "angle", "x_velocity", "angle_velocity"},
          .control_names = {"motör"},
          .reward = "small_reward",
          .termination = "small_end"};
}

// Different numbers in every place of every episode.
inline Episode SmallEpisode(int64_t id, int steps) {
  Episode episode;
  episode.id = id;
  episode.seed = 0xfedcba9876543210u + static_cast<uint64_t>(id);
  episode.policy = id % 2 == 0 ? "" : "actor";
  for (int t = 0; t <= steps; ++t) {
    for (int i = 0; i < 4; ++i) episode.states.push_back(std::sin(1.0 + t + 10.0 * i) + id);
    if (t == steps) break;
    episode.actions.push_back(std::cos(0.3 * t + static_cast<double>(id)));
    episode.rewards.push_back(t / 3.0);
    episode.terminations.push_back(t == steps - 1 && id % 2 == 0);
    episode.truncations.push_back(t == steps - 1 && id % 2 == 1);
  }
  return episode;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_DATASETS_SMALL_DATASET_H_
