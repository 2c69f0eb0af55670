// Episodes and what is known of where they came from, in memory. On disk: dataset_reader.h,
// dataset_writer.h.
#ifndef ROLLOUT_DATASETS_DATASET_H_
#define ROLLOUT_DATASETS_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace rollout {

// What a dataset's attributes hold, so that fitting needs no simulator. Every episode of a dataset
// has these sizes.
struct DatasetInfo {
  std::string id;         // Minari's dataset_id, "rollout/hopper-v0"; part of the split's hash
  std::string system;     // "hopper_v5", or empty
  int num_positions = 0;  // nq
  int num_velocities = 0;
  int num_controls = 0;
  double dt = 0.0;  // seconds between states
  std::vector<int> angular_positions;
  std::vector<int> ignored_positions;
  std::vector<double> control_low;  // empty = unbounded
  std::vector<double> control_high;
  std::vector<std::string> state_names;
  std::vector<std::string> control_names;
  std::string reward;
  std::string termination;
};

// One episode of T steps.
struct Episode {
  int64_t id = 0;
  uint64_t seed = 0;
  std::string policy;                 // what drove it, or empty
  std::vector<double> states;         // [T + 1, nq + nv], unclipped; the terminal state included
  std::vector<double> actions;        // [T, nu], in the environment's units
  std::vector<double> rewards;        // [T]
  std::vector<uint8_t> terminations;  // [T]
  std::vector<uint8_t> truncations;   // [T]

  int64_t num_steps() const { return static_cast<int64_t>(rewards.size()); }
};

// INVALID_ARGUMENT naming the field that contradicts itself or another one.
absl::Status ValidateDatasetInfo(const DatasetInfo& info);

// INVALID_ARGUMENT naming the array whose size does not fit `info` or the number of steps, or an
// episode without steps. Numbers are not looked at.
absl::Status ValidateEpisodeSizes(const DatasetInfo& info, const Episode& episode);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_DATASET_H_
