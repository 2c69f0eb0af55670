// A trained policy network, evaluated one observation at a time without any framework.
#ifndef ROLLOUT_TRAINER_SAC_ACTOR_H_
#define ROLLOUT_TRAINER_SAC_ACTOR_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "trainer/policy.h"

namespace rollout {

enum class ActorActivation { kRelu, kTanh };

// A linear layer: weight [outputs, inputs] row by row, as in PyTorch.
struct ActorLayer {
  int inputs = 0;
  int outputs = 0;
  std::vector<float> weight;
  std::vector<float> bias;
};

// A policy as its file holds it: observation -> hidden layers -> mean and log standard deviation of
// a Gaussian per control -> tanh -> control bounds. An immutable value once loaded.
struct Actor {
  std::string system;       // "hopper_v5": whose task it was trained on
  std::string observation;  // "gymnasium_v5:hopper": what its input is
  ActorActivation activation = ActorActivation::kRelu;
  std::vector<ActorLayer> hidden;  // each followed by the activation
  ActorLayer mean;
  ActorLayer log_std;
  double log_std_low = -20.0;
  double log_std_high = 2.0;
  std::vector<double> control_low;  // tanh's -1 and 1 stand for these
  std::vector<double> control_high;

  int observation_size() const { return hidden.empty() ? mean.inputs : hidden.front().inputs; }
  int num_controls() const { return mean.outputs; }
};

// INVALID_ARGUMENT naming the layer or bound whose sizes or numbers do not fit.
absl::Status ValidateActor(const Actor& actor);

// The name that actor files give to the observation of `system`: "hopper_v5" ->
// "gymnasium_v5:hopper".
std::string ObservationName(absl::string_view system);

// The forward pass with its memory. Owned and used by one thread; the actor must outlive it.
class ActorForward {
 public:
  explicit ActorForward(const Actor* actor);

  // Writes tanh(mean), each in [-1, 1]. `observation` [observation_size], `action` [num_controls].
  void Deterministic(absl::Span<const float> observation, absl::Span<float> action);
  // Writes tanh(mean + std * noise), the noise drawn from `random`.
  void Stochastic(absl::Span<const float> observation, Random& random, absl::Span<float> action);

 private:
  // The activations of the last hidden layer.
  absl::Span<const float> Hidden(absl::Span<const float> observation);

  const Actor* const actor_;
  std::vector<float> layer_input_;
  std::vector<float> layer_output_;
  std::vector<float> log_std_;
};

// Maps `action` in [-1, 1] to [low, high].
double ScaleToBounds(float action, double low, double high);

// Drives a system by an actor, deterministically or by sampling. Each collecting thread owns one;
// several may share the actor.
class ActorPolicy final : public Policy {
 public:
  // INVALID_ARGUMENT where the actor's observation or control sizes are not those of `info`.
  static absl::StatusOr<std::unique_ptr<ActorPolicy>> Create(std::shared_ptr<const Actor> actor,
                                                             const SystemInfo& info,
                                                             bool stochastic);

  void StartEpisode(uint64_t seed) override;
  void Act(const System& system, absl::Span<double> action) override;

 private:
  ActorPolicy(std::shared_ptr<const Actor> actor, bool stochastic);

  const std::shared_ptr<const Actor> actor_;
  const bool stochastic_;
  ActorForward forward_;
  Random random_;
  std::vector<double> observation_;
  std::vector<float> network_input_;
  std::vector<float> network_action_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_ACTOR_H_
