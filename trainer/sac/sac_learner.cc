#include "trainer/sac/sac_learner.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/arithmetic/elementwise.h"

namespace rollout {
namespace {

AdamMoments ZeroMoments(size_t count) {
  return {.first = std::vector<float>(count), .second = std::vector<float>(count)};
}

}  // namespace

SacLearner::SacLearner(const SacOptions& options, int observation_size, int num_controls,
                       uint64_t seed)
    : options_(options),
      gradients_(options, observation_size, num_controls),
      noise_(static_cast<size_t>(options.batch_size) * num_controls),
      actor_gradient_(gradients_.actor_shape().size()),
      critic_gradient_(gradients_.critic_shape().size()) {
  Random random(seed);
  state_.parameters.actor = InitialParameters(gradients_.actor_shape(), random);
  state_.parameters.critics = InitialParameters(gradients_.critic_shape(), random);
  state_.parameters.target_critics = state_.parameters.critics;
  state_.actor_moments = ZeroMoments(actor_gradient_.size());
  state_.critic_moments = ZeroMoments(critic_gradient_.size());
  state_.temperature_moments = ZeroMoments(1);
  state_.random_state = random.state();
}

void SacLearner::DrawNoise() {
  Random random(0);
  random.set_state(state_.random_state);
  for (float& value : noise_) value = static_cast<float>(random.Normal());
  state_.random_state = random.state();
}

absl::StatusOr<SacUpdateResult> SacLearner::Update(const TransitionBatch& batch) {
  SacParameters& parameters = state_.parameters;
  const int64_t step = ++state_.updates;
  const float rate = static_cast<float>(options_.learning_rate);
  // All three losses see the temperature from before this update.
  const float temperature = std::exp(parameters.log_temperature);
  SacUpdateResult result;
  result.temperature = temperature;

  DrawNoise();
  result.critic_loss = gradients_.CriticLoss(parameters, temperature, batch, noise_,
                                             absl::MakeSpan(critic_gradient_));
  if (!std::isfinite(result.critic_loss)) {
    return absl::DataLossError(
        absl::StrCat("SAC diverged: the critics' loss of update ", step, " is not finite"));
  }
  AdamStep(critic_gradient_.size(), rate, step, critic_gradient_.data(),
           state_.critic_moments.first.data(), state_.critic_moments.second.data(),
           parameters.critics.data());

  DrawNoise();
  const SacGradients::ActorLossResult actor =
      gradients_.ActorLoss(parameters, temperature, batch, noise_, absl::MakeSpan(actor_gradient_));
  result.actor_loss = actor.loss;
  result.entropy = -actor.mean_log_probability;
  if (!std::isfinite(result.actor_loss)) {
    return absl::DataLossError(
        absl::StrCat("SAC diverged: the actor's loss of update ", step, " is not finite"));
  }
  AdamStep(actor_gradient_.size(), rate, step, actor_gradient_.data(),
           state_.actor_moments.first.data(), state_.actor_moments.second.data(),
           parameters.actor.data());

  const float temperature_gradient = static_cast<float>(actor.log_temperature_gradient);
  AdamStep(1, rate, step, &temperature_gradient, state_.temperature_moments.first.data(),
           state_.temperature_moments.second.data(), &parameters.log_temperature);

  MoveTowards(parameters.critics.size(), static_cast<float>(options_.target_rate),
              parameters.critics.data(), parameters.target_critics.data());
  return result;
}

}  // namespace rollout
