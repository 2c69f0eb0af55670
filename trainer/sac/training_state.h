// A training of SAC on disk, so that a killed one goes on.
#ifndef ROLLOUT_TRAINER_SAC_TRAINING_STATE_H_
#define ROLLOUT_TRAINER_SAC_TRAINING_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/sac/sac_learner.h"

namespace rollout {

// Everything but the episode under way, which is dropped: networks, both optimisers' moments, the
// temperature, the replay buffer, all random generators and counters.
struct SacTrainingState {
  // What the continuing training must agree with, by name ("system", "discount", ...).
  std::map<std::string, std::string> settings;
  SacLearnerState learner;
  std::vector<float> replay_rows;
  size_t replay_next_row = 0;
  std::array<uint64_t, 4> exploration_random{};
  std::array<uint64_t, 4> replay_random{};
  int64_t step = 0;
  int64_t episode = 0;
  double wall_seconds = 0.0;
};

// One safetensors file, replaced in one step: a training killed while saving keeps the save before.
absl::Status WriteTrainingState(const std::string& path, const SacTrainingState& state);

// NOT_FOUND where there is no such file; INVALID_ARGUMENT naming what it lacks. Sizes are the
// caller's to compare with its own networks.
absl::StatusOr<SacTrainingState> ReadTrainingState(const std::string& path);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_TRAINING_STATE_H_
