#include "trainer/sac/sac_gradients.h"

#include <algorithm>

namespace rollout {

SacGradients::SacGradients(const SacOptions& options, int observation_size, int num_controls)
    : batch_size_(options.batch_size),
      observation_size_(observation_size),
      num_controls_(num_controls),
      discount_(static_cast<float>(options.discount)),
      target_entropy_(options.target_entropy_per_control * num_controls),
      actor_shape_{.networks = 1,
                   .inputs = observation_size,
                   .hidden = options.hidden_size,
                   .outputs = 2 * num_controls},
      critic_shape_{.networks = 2,
                    .inputs = observation_size + num_controls,
                    .hidden = options.hidden_size,
                    .outputs = 1},
      actor_pass_(actor_shape_, options.batch_size),
      critic_pass_(critic_shape_, options.batch_size),
      policy_(options.batch_size, num_controls, static_cast<float>(options.log_std_low),
              static_cast<float>(options.log_std_high)),
      critic_input_(static_cast<size_t>(options.batch_size) * critic_shape_.inputs),
      targets_(options.batch_size),
      value_gradient_(2 * static_cast<size_t>(options.batch_size)),
      action_gradient_(static_cast<size_t>(options.batch_size) * num_controls),
      head_gradient_(2 * action_gradient_.size()) {}

void SacGradients::JoinCriticInput(absl::Span<const float> observations,
                                   absl::Span<const float> actions) {
  float* out = critic_input_.data();
  for (int row = 0; row < batch_size_; ++row) {
    const float* observation = observations.data() + static_cast<size_t>(row) * observation_size_;
    const float* action = actions.data() + static_cast<size_t>(row) * num_controls_;
    out = std::copy(observation, observation + observation_size_, out);
    out = std::copy(action, action + num_controls_, out);
  }
}

double SacGradients::CriticLoss(const SacParameters& parameters, float temperature,
                                const TransitionBatch& batch, absl::Span<const float> next_noise,
                                absl::Span<float> gradient) {
  policy_.Sample(actor_pass_.Forward(parameters.actor, batch.next_observations.data()), next_noise);
  JoinCriticInput(batch.next_observations, policy_.actions());
  const absl::Span<const float> next_values =
      critic_pass_.Forward(parameters.target_critics, critic_input_.data());
  for (int row = 0; row < batch_size_; ++row) {
    const float next_value = std::min(next_values[2 * row], next_values[2 * row + 1]) -
                             temperature * policy_.log_probabilities()[row];
    targets_[row] = batch.rewards[row] + discount_ * (1.0f - batch.terminal[row]) * next_value;
  }

  JoinCriticInput(batch.observations, batch.actions);
  const absl::Span<const float> values =
      critic_pass_.Forward(parameters.critics, critic_input_.data());
  const float scale = 1.0f / static_cast<float>(batch_size_);
  double squared_errors = 0.0;
  for (int row = 0; row < batch_size_; ++row) {
    for (int critic = 0; critic < 2; ++critic) {
      const float error = values[2 * row + critic] - targets_[row];
      value_gradient_[2 * row + critic] = scale * error;
      squared_errors += static_cast<double>(error) * error;
    }
  }
  critic_pass_.BackwardToParameters(parameters.critics, critic_input_.data(), value_gradient_,
                                    gradient);
  return 0.5 * squared_errors / batch_size_;
}

SacGradients::ActorLossResult SacGradients::ActorLoss(const SacParameters& parameters,
                                                      float temperature,
                                                      const TransitionBatch& batch,
                                                      absl::Span<const float> noise,
                                                      absl::Span<float> gradient) {
  const absl::Span<const float> head =
      actor_pass_.Forward(parameters.actor, batch.observations.data());
  policy_.Sample(head, noise);
  JoinCriticInput(batch.observations, policy_.actions());
  const absl::Span<const float> values =
      critic_pass_.Forward(parameters.critics, critic_input_.data());

  const float scale = 1.0f / static_cast<float>(batch_size_);
  double value_sum = 0.0;
  double log_probability_sum = 0.0;
  for (int row = 0; row < batch_size_; ++row) {
    // Only the smaller critic of each row counts.
    const int smaller = values[2 * row] <= values[2 * row + 1] ? 0 : 1;
    value_gradient_[2 * row + smaller] = -scale;
    value_gradient_[2 * row + 1 - smaller] = 0.0f;
    value_sum += values[2 * row + smaller];
    log_probability_sum += policy_.log_probabilities()[row];
  }
  critic_pass_.BackwardToInputs(parameters.critics, value_gradient_, observation_size_,
                                absl::MakeSpan(action_gradient_));
  policy_.Backward(head, noise, action_gradient_, scale * temperature,
                   absl::MakeSpan(head_gradient_));
  actor_pass_.BackwardToParameters(parameters.actor, batch.observations.data(), head_gradient_,
                                   gradient);
  ActorLossResult result;
  result.mean_log_probability = log_probability_sum / batch_size_;
  result.loss = temperature * result.mean_log_probability - value_sum / batch_size_;
  result.log_temperature_gradient = -(result.mean_log_probability + target_entropy_);
  return result;
}

}  // namespace rollout
