// The policy's distribution: a Gaussian per control, squashed into (-1, 1) by tanh.
#ifndef ROLLOUT_TRAINER_SAC_SQUASHED_GAUSSIAN_H_
#define ROLLOUT_TRAINER_SAC_SQUASHED_GAUSSIAN_H_

#include <vector>

#include "absl/types/span.h"

namespace rollout {

// A batch of actions a = tanh(u), u = mean + exp(clamp(log_std)) * noise, drawn by the
// reparametrisation trick, with log pi(a) = sum over controls of log N(u) - log(1 - tanh(u)^2)
// (Haarnoja et al. 2018, appendix C). The last term is taken as 2 (log 2 - u - softplus(-2u)),
// which needs no guard near |a| = 1. Memory is allocated once. Owned and used by one thread.
class SquashedGaussian {
 public:
  SquashedGaussian(int batch_size, int num_controls, float log_std_low, float log_std_high);

  // `head` [batch, 2 * num_controls] = means, then log standard deviations; `noise` [batch,
  // num_controls] standard normal.
  void Sample(absl::Span<const float> head, absl::Span<const float> noise);

  absl::Span<const float> actions() const { return actions_; }                      // [batch, nu]
  absl::Span<const float> log_probabilities() const { return log_probabilities_; }  // [batch]

  // Backward through the last Sample: the loss has gradient `action_gradient` [batch, nu] with
  // respect to the actions and `log_probability_gradient` (the same for every row) with respect to
  // each log probability; writes its gradient with respect to `head`.
  void Backward(absl::Span<const float> head, absl::Span<const float> noise,
                absl::Span<const float> action_gradient, float log_probability_gradient,
                absl::Span<float> head_gradient) const;

 private:
  const int batch_size_;
  const int num_controls_;
  const float log_std_low_;
  const float log_std_high_;
  std::vector<float> actions_;
  std::vector<float> standard_deviations_;  // [batch, nu]
  std::vector<float> log_probabilities_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_SQUASHED_GAUSSIAN_H_
