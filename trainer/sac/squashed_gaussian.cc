#include "trainer/sac/squashed_gaussian.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace rollout {
namespace {

constexpr float kHalfLogTwoPi = 0.91893853320467274f;
constexpr float kLogTwo = 0.69314718055994531f;

// log(1 - tanh(u)^2) without cancellation.
float LogOneMinusSquaredTanh(float u) {
  const float softplus = std::max(-2.0f * u, 0.0f) + std::log1p(std::exp(-2.0f * std::fabs(u)));
  return 2.0f * (kLogTwo - u - softplus);
}

}  // namespace

SquashedGaussian::SquashedGaussian(int batch_size, int num_controls, float log_std_low,
                                   float log_std_high)
    : batch_size_(batch_size),
      num_controls_(num_controls),
      log_std_low_(log_std_low),
      log_std_high_(log_std_high),
      actions_(static_cast<size_t>(batch_size) * num_controls),
      standard_deviations_(actions_.size()),
      log_probabilities_(batch_size) {}

void SquashedGaussian::Sample(absl::Span<const float> head, absl::Span<const float> noise) {
  for (int row = 0; row < batch_size_; ++row) {
    const float* mean = head.data() + static_cast<size_t>(row) * 2 * num_controls_;
    const float* raw_log_std = mean + num_controls_;
    float log_probability = 0.0f;
    for (int i = 0; i < num_controls_; ++i) {
      const size_t at = static_cast<size_t>(row) * num_controls_ + i;
      const float log_std = std::clamp(raw_log_std[i], log_std_low_, log_std_high_);
      standard_deviations_[at] = std::exp(log_std);
      const float u = mean[i] + standard_deviations_[at] * noise[at];
      actions_[at] = std::tanh(u);
      log_probability +=
          -0.5f * noise[at] * noise[at] - log_std - kHalfLogTwoPi - LogOneMinusSquaredTanh(u);
    }
    log_probabilities_[row] = log_probability;
  }
}

void SquashedGaussian::Backward(absl::Span<const float> head, absl::Span<const float> noise,
                                absl::Span<const float> action_gradient,
                                float log_probability_gradient,
                                absl::Span<float> head_gradient) const {
  for (int row = 0; row < batch_size_; ++row) {
    const size_t head_row = static_cast<size_t>(row) * 2 * num_controls_;
    for (int i = 0; i < num_controls_; ++i) {
      const size_t at = static_cast<size_t>(row) * num_controls_ + i;
      const float action = actions_[at];
      // d log pi / du = 2 tanh(u): only the squashing term depends on u where the noise is given.
      const float u_gradient =
          action_gradient[at] * (1.0f - action * action) + log_probability_gradient * 2.0f * action;
      const float raw_log_std = head[head_row + num_controls_ + i];
      const bool clamped = raw_log_std < log_std_low_ || raw_log_std > log_std_high_;
      head_gradient[head_row + i] = u_gradient;
      head_gradient[head_row + num_controls_ + i] =
          clamped ? 0.0f
                  : u_gradient * standard_deviations_[at] * noise[at] - log_probability_gradient;
    }
  }
}

}  // namespace rollout
