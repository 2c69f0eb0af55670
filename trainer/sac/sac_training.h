// One training of a policy by soft actor-critic, from an untrained network to files.
#ifndef ROLLOUT_TRAINER_SAC_SAC_TRAINING_H_
#define ROLLOUT_TRAINER_SAC_SAC_TRAINING_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/random.h"
#include "systems/system.h"
#include "trainer/sac/actor.h"
#include "trainer/sac/learning_curve.h"
#include "trainer/sac/replay_buffer.h"
#include "trainer/sac/sac_learner.h"
#include "trainer/sac/sac_options.h"

namespace rollout {

struct SacTrainingOptions {
  SacOptions sac;
  int64_t steps = 1000000;  // environment steps; one update each once learning has started
  uint64_t seed = 0;
  int64_t learning_starts = 10000;  // steps driven by uniformly random actions, without updates
  size_t replay_capacity = 1000000;
  int64_t evaluation_interval = 10000;  // steps between deterministic evaluations
  int evaluation_episodes = 5;
  int snapshots = 0;  // actors kept on the way, evenly spread over `steps`
  // Receives learning_curve.csv, best.safetensors, last.safetensors and
  // snapshot-<step>.safetensors.
  std::string out_dir;
  // Where the whole training is saved to and resumed from; empty = it is not.
  std::string checkpoint_dir;
  int64_t checkpoint_interval = 50000;  // steps
  // Called before the checkpoint of `step` is written, for what a resumed training is not to make
  // again. Its error ends the training.
  std::function<absl::Status(int64_t step)> before_checkpoint = [](int64_t) {
    return absl::OkStatus();
  };
};

// Collects with the system itself, one update per step. Owned and used by one thread; the systems,
// the clock and the stop flag must outlive it. Deterministic in its seed as long as it is not
// resumed: a resumed training starts a fresh episode.
class SacTraining {
 public:
  // What is told now and then: at every step of the progress callback's own choosing.
  struct Progress {
    int64_t step = 0;
    double last_episode_return = 0.0;
    double best_evaluation = 0.0;
  };

  // `system` is trained on and `evaluation_system`, a second instance of the same, evaluated on.
  // `stop` ends the training after the present step as if `steps` had been reached.
  SacTraining(const SacTrainingOptions& options, System* system, System* evaluation_system,
              const Clock* clock, const std::atomic<bool>* stop);

  // Continues from checkpoint_dir. NOT_FOUND where there is no checkpoint; INVALID_ARGUMENT naming
  // the setting in which this training differs from the saved one.
  absl::Status Resume();

  // Trains to the end and writes the last files. DATA_LOSS where the training diverged;
  // INVALID_ARGUMENT where the system has no observation; errors of the file system as they are.
  absl::Status Run(const std::function<void(const Progress&)>& on_step);

  int64_t step() const { return step_; }
  const LearningCurve& learning_curve() const { return curve_; }

 private:
  void StartEpisode();
  // One step of the environment into the replay buffer.
  void CollectStep();
  absl::Status LearnStep();
  absl::Status EvaluateAndSave();
  absl::Status SaveCheckpoint();
  double WallSeconds() const;

  const SacTrainingOptions options_;
  System* const system_;
  System* const evaluation_system_;
  const Clock* const clock_;
  const std::atomic<bool>* const stop_;
  const absl::Time start_;

  SacLearner learner_;
  ReplayBuffer replay_;
  TransitionBatch batch_;
  Random exploration_random_;
  Random replay_random_;
  Actor actor_;
  ActorForward actor_forward_;

  int64_t step_ = 0;
  int64_t episode_ = 0;
  double earlier_seconds_ = 0.0;  // wall time before the last resume
  double episode_return_ = 0.0;
  double last_episode_return_ = 0.0;
  SacUpdateResult last_update_;
  LearningCurve curve_;

  std::vector<double> observation_;
  std::vector<double> action_;
  std::vector<float> network_observation_;
  std::vector<float> network_action_;
  std::vector<float> next_network_observation_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_SAC_TRAINING_H_
