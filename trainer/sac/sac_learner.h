// Soft actor-critic's learner: parameters, optimiser and one update at a time.
#ifndef ROLLOUT_TRAINER_SAC_SAC_LEARNER_H_
#define ROLLOUT_TRAINER_SAC_SAC_LEARNER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "trainer/sac/replay_buffer.h"
#include "trainer/sac/sac_gradients.h"
#include "trainer/sac/sac_options.h"

namespace rollout {

// Adam's two moments of one group of parameters.
struct AdamMoments {
  std::vector<float> first;
  std::vector<float> second;
};

// All that an update reads and writes besides the batch: saving it and restoring it continues the
// training to the bit.
struct SacLearnerState {
  SacParameters parameters;
  AdamMoments actor_moments;
  AdamMoments critic_moments;
  AdamMoments temperature_moments;
  int64_t updates = 0;
  std::array<uint64_t, 4> random_state{};
};

// What one update measured.
struct SacUpdateResult {
  double critic_loss = 0.0;
  double actor_loss = 0.0;
  double temperature = 0.0;
  double entropy = 0.0;  // nats, of the policy before scaling to the control bounds
};

// One learner owns one training; it computes on the calling thread alone, one at a time.
// Deterministic in its seed and batches.
class SacLearner {
 public:
  SacLearner(const SacOptions& options, int observation_size, int num_controls, uint64_t seed);

  // One step of the critics, the actor and the temperature on `batch` (of options' batch_size), in
  // the order of Stable-Baselines3. DATA_LOSS naming the update and the loss that is no longer
  // finite; the learner is of no use after that.
  absl::StatusOr<SacUpdateResult> Update(const TransitionBatch& batch);

  const SacLearnerState& state() const { return state_; }
  // `state` has the sizes of this learner's own.
  void Restore(SacLearnerState state) { state_ = std::move(state); }

 private:
  void DrawNoise();

  const SacOptions options_;
  SacGradients gradients_;
  SacLearnerState state_;
  std::vector<float> noise_;  // [batch, num_controls]
  std::vector<float> actor_gradient_;
  std::vector<float> critic_gradient_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_SAC_LEARNER_H_
