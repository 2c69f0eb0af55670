#include "trainer/sac/actor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace rollout {
namespace {

// Sixteen partial sums let the compiler use vectors without reordering a sum at will: the result is
// the same at every optimisation level.
float DotProduct(const float* a, const float* b, int count) {
  constexpr int kLanes = 16;
  std::array<float, kLanes> sums{};
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < count; ++i) sums[i % kLanes] += a[i] * b[i];
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) sums[lane] += sums[lane + width];
  }
  return sums[0];
}

void ApplyLayer(const ActorLayer& layer, const float* input, float* output) {
  for (int row = 0; row < layer.outputs; ++row) {
    const float* weight = layer.weight.data() + static_cast<size_t>(row) * layer.inputs;
    output[row] = layer.bias[row] + DotProduct(weight, input, layer.inputs);
  }
}

absl::Status ValidateLayer(absl::string_view name, const ActorLayer& layer, int inputs) {
  if (layer.inputs != inputs || layer.outputs <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("actor layer ", name, ": weight is [",
                                                   layer.outputs, ", ", layer.inputs,
                                                   "], expected [outputs, ", inputs, "]"));
  }
  const size_t weights = static_cast<size_t>(layer.inputs) * layer.outputs;
  if (layer.weight.size() != weights || layer.bias.size() != static_cast<size_t>(layer.outputs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("actor layer ", name, ": ", layer.weight.size(), " weights and ",
                     layer.bias.size(), " biases, expected ", weights, " and ", layer.outputs));
  }
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(layer.weight.begin(), layer.weight.end(), finite) ||
      !std::all_of(layer.bias.begin(), layer.bias.end(), finite)) {
    return absl::InvalidArgumentError(
        absl::StrCat("actor layer ", name, ": a weight or bias is not finite"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateActor(const Actor& actor) {
  int inputs = actor.observation_size();
  if (inputs <= 0) return absl::InvalidArgumentError("actor: its first layer has no inputs");
  for (size_t i = 0; i < actor.hidden.size(); ++i) {
    if (absl::Status status = ValidateLayer(absl::StrCat("hidden ", i), actor.hidden[i], inputs);
        !status.ok()) {
      return status;
    }
    inputs = actor.hidden[i].outputs;
  }
  if (absl::Status status = ValidateLayer("mean", actor.mean, inputs); !status.ok()) return status;
  if (absl::Status status = ValidateLayer("log_std", actor.log_std, inputs); !status.ok()) {
    return status;
  }
  const size_t controls = actor.mean.outputs;
  if (actor.log_std.outputs != actor.mean.outputs || actor.control_low.size() != controls ||
      actor.control_high.size() != controls) {
    return absl::InvalidArgumentError(absl::StrCat(
        "actor: ", controls, " means, ", actor.log_std.outputs, " log standard deviations, ",
        actor.control_low.size(), " and ", actor.control_high.size(),
        " control bounds; expected the same number of each"));
  }
  for (size_t i = 0; i < controls; ++i) {
    if (!std::isfinite(actor.control_low[i]) || !std::isfinite(actor.control_high[i]) ||
        actor.control_low[i] >= actor.control_high[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat("actor: bounds of control ", i, " are [", actor.control_low[i], ", ",
                       actor.control_high[i], "], expected finite and low < high"));
    }
  }
  if (!(actor.log_std_low <= actor.log_std_high)) {
    return absl::InvalidArgumentError(absl::StrCat("actor: log standard deviation is clamped to [",
                                                   actor.log_std_low, ", ", actor.log_std_high,
                                                   "], expected low <= high"));
  }
  return absl::OkStatus();
}

std::string ObservationName(absl::string_view system) {
  return absl::StrCat("gymnasium_v5:", absl::StripSuffix(system, "_v5"));
}

ActorForward::ActorForward(const Actor* actor) : actor_(actor), log_std_(actor->num_controls()) {
  size_t widest = actor->observation_size();
  for (const ActorLayer& layer : actor->hidden) {
    widest = std::max(widest, static_cast<size_t>(layer.outputs));
  }
  layer_input_.resize(widest);
  layer_output_.resize(widest);
}

absl::Span<const float> ActorForward::Hidden(absl::Span<const float> observation) {
  std::copy(observation.begin(), observation.end(), layer_input_.begin());
  size_t width = observation.size();
  for (const ActorLayer& layer : actor_->hidden) {
    ApplyLayer(layer, layer_input_.data(), layer_output_.data());
    width = layer.outputs;
    for (size_t i = 0; i < width; ++i) {
      layer_output_[i] = actor_->activation == ActorActivation::kRelu
                             ? std::max(layer_output_[i], 0.0f)
                             : std::tanh(layer_output_[i]);
    }
    layer_input_.swap(layer_output_);
  }
  return {layer_input_.data(), width};
}

void ActorForward::Deterministic(absl::Span<const float> observation, absl::Span<float> action) {
  ApplyLayer(actor_->mean, Hidden(observation).data(), action.data());
  for (float& value : action) value = std::tanh(value);
}

void ActorForward::Stochastic(absl::Span<const float> observation, Random& random,
                              absl::Span<float> action) {
  const absl::Span<const float> hidden = Hidden(observation);
  ApplyLayer(actor_->mean, hidden.data(), action.data());
  ApplyLayer(actor_->log_std, hidden.data(), log_std_.data());
  for (size_t i = 0; i < action.size(); ++i) {
    const float log_std = std::clamp(log_std_[i], static_cast<float>(actor_->log_std_low),
                                     static_cast<float>(actor_->log_std_high));
    action[i] = std::tanh(action[i] + std::exp(log_std) * static_cast<float>(random.Normal()));
  }
}

double ScaleToBounds(float action, double low, double high) {
  return std::clamp(low + 0.5 * (static_cast<double>(action) + 1.0) * (high - low), low, high);
}

absl::StatusOr<std::unique_ptr<ActorPolicy>> ActorPolicy::Create(std::shared_ptr<const Actor> actor,
                                                                 const SystemInfo& info,
                                                                 bool stochastic) {
  if (absl::Status status = ValidateActor(*actor); !status.ok()) return status;
  if (actor->observation != ObservationName(info.name) ||
      actor->observation_size() != info.observation_size ||
      actor->num_controls() != info.num_controls) {
    return absl::InvalidArgumentError(
        absl::StrCat("the actor (of ", actor->system, ") sees ", actor->observation, " with ",
                     actor->observation_size(), " numbers and gives ", actor->num_controls(),
                     " controls; ", info.name, " has ", ObservationName(info.name), " with ",
                     info.observation_size, " and ", info.num_controls));
  }
  return std::unique_ptr<ActorPolicy>(new ActorPolicy(std::move(actor), stochastic));
}

ActorPolicy::ActorPolicy(std::shared_ptr<const Actor> actor, bool stochastic)
    : actor_(std::move(actor)),
      stochastic_(stochastic),
      forward_(actor_.get()),
      random_(0),
      observation_(actor_->observation_size()),
      network_input_(actor_->observation_size()),
      network_action_(actor_->num_controls()) {}

void ActorPolicy::StartEpisode(uint64_t seed) { random_ = Random(seed); }

void ActorPolicy::Act(const System& system, absl::Span<double> action) {
  system.GetObservation(absl::MakeSpan(observation_));
  std::copy(observation_.begin(), observation_.end(), network_input_.begin());
  if (stochastic_) {
    forward_.Stochastic(network_input_, random_, absl::MakeSpan(network_action_));
  } else {
    forward_.Deterministic(network_input_, absl::MakeSpan(network_action_));
  }
  for (size_t i = 0; i < action.size(); ++i) {
    action[i] = ScaleToBounds(network_action_[i], actor_->control_low[i], actor_->control_high[i]);
  }
}

}  // namespace rollout
