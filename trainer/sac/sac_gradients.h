// The losses of soft actor-critic and their gradients.
#ifndef ROLLOUT_TRAINER_SAC_SAC_GRADIENTS_H_
#define ROLLOUT_TRAINER_SAC_SAC_GRADIENTS_H_

#include <vector>

#include "absl/types/span.h"
#include "trainer/sac/networks.h"
#include "trainer/sac/replay_buffer.h"
#include "trainer/sac/sac_options.h"
#include "trainer/sac/squashed_gaussian.h"

namespace rollout {

// Everything that SAC learns. `actor` is one network observation -> [means, log stds]; `critics`
// are two networks [observation, action] -> Q; the targets are a slow copy of them.
struct SacParameters {
  std::vector<float> actor;
  std::vector<float> critics;
  std::vector<float> target_critics;
  float log_temperature = 0.0f;
};

// The losses of Haarnoja et al. (2018) over one batch, each with its gradient by formula, in
// buffers allocated once:
//   critics      1/2 sum_i mean (Q_i(s, a) - y)^2,
//                y = r + discount (1 - terminal) (min_i Q'_i(s', a') - temperature log pi(a'|s'))
//   actor        mean (temperature log pi(a|s) - min_i Q_i(s, a)),  a ~ pi(.|s)
//   temperature  -log_temperature mean (log pi(a|s) + target entropy)
// Owned and used by one thread.
class SacGradients {
 public:
  SacGradients(const SacOptions& options, int observation_size, int num_controls);

  const SacNetworkShape& actor_shape() const { return actor_shape_; }
  const SacNetworkShape& critic_shape() const { return critic_shape_; }
  double target_entropy() const { return target_entropy_; }

  // Returns the loss and writes its gradient with respect to `parameters.critics`. `next_noise`
  // [batch, num_controls], standard normal, draws a'.
  double CriticLoss(const SacParameters& parameters, float temperature,
                    const TransitionBatch& batch, absl::Span<const float> next_noise,
                    absl::Span<float> gradient);

  struct ActorLossResult {
    double loss = 0.0;
    double mean_log_probability = 0.0;
    double log_temperature_gradient = 0.0;
  };
  // Writes the gradient with respect to `parameters.actor`. `noise` draws a.
  ActorLossResult ActorLoss(const SacParameters& parameters, float temperature,
                            const TransitionBatch& batch, absl::Span<const float> noise,
                            absl::Span<float> gradient);

 private:
  // critic_input_ = [observations, actions] row by row.
  void JoinCriticInput(absl::Span<const float> observations, absl::Span<const float> actions);

  const int batch_size_;
  const int observation_size_;
  const int num_controls_;
  const float discount_;
  const double target_entropy_;
  const SacNetworkShape actor_shape_;
  const SacNetworkShape critic_shape_;
  SacNetworkPass actor_pass_;
  SacNetworkPass critic_pass_;
  SquashedGaussian policy_;
  std::vector<float> critic_input_;     // [batch, observation_size + num_controls]
  std::vector<float> targets_;          // [batch]
  std::vector<float> value_gradient_;   // [batch, 2]
  std::vector<float> action_gradient_;  // [batch, num_controls]
  std::vector<float> head_gradient_;    // [batch, 2 * num_controls]
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_SAC_GRADIENTS_H_
