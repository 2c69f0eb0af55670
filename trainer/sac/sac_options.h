// The settings of soft actor-critic.
#ifndef ROLLOUT_TRAINER_SAC_SAC_OPTIONS_H_
#define ROLLOUT_TRAINER_SAC_SAC_OPTIONS_H_

namespace rollout {

// Defaults are those of Stable-Baselines3's SAC (Haarnoja et al. 2018, "Soft Actor-Critic
// Algorithms and Applications", with automatic temperature).
struct SacOptions {
  int hidden_size = 256;  // of both hidden layers of every network
  int batch_size = 256;
  double learning_rate = 3e-4;  // of the actor, the critics and the temperature
  double discount = 0.99;
  double target_rate = 0.005;  // share of the critics that their targets take over at each update
  // The policy's log standard deviation, before the tanh, is clamped to this range.
  double log_std_low = -20.0;
  double log_std_high = 2.0;
  // Target of the policy's entropy per control, in nats: the target is this times num_controls.
  double target_entropy_per_control = -1.0;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_SAC_OPTIONS_H_
