#include "trainer/sac/learned_actor.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace rollout {
namespace {

ActorLayer ZeroLayer(int inputs, int outputs) {
  return {.inputs = inputs,
          .outputs = outputs,
          .weight = std::vector<float>(static_cast<size_t>(inputs) * outputs),
          .bias = std::vector<float>(outputs)};
}

const float* CopyInto(const float* from, std::vector<float>* to) {
  std::copy(from, from + to->size(), to->begin());
  return from + to->size();
}

}  // namespace

Actor MakeLearnedActor(const SacOptions& options, const SystemInfo& info) {
  Actor actor;
  actor.system = info.name;
  actor.observation = ObservationName(info.name);
  actor.activation = ActorActivation::kRelu;
  actor.hidden = {ZeroLayer(info.observation_size, options.hidden_size),
                  ZeroLayer(options.hidden_size, options.hidden_size)};
  actor.mean = ZeroLayer(options.hidden_size, info.num_controls);
  actor.log_std = ZeroLayer(options.hidden_size, info.num_controls);
  actor.log_std_low = options.log_std_low;
  actor.log_std_high = options.log_std_high;
  actor.control_low = info.control_low;
  actor.control_high = info.control_high;
  return actor;
}

void CopyLearnedParameters(absl::Span<const float> parameters, Actor* actor) {
  const float* from = parameters.data();
  for (ActorLayer& layer : actor->hidden) {
    from = CopyInto(from, &layer.weight);
    from = CopyInto(from, &layer.bias);
  }
  // The learner's last layer is [means, log standard deviations].
  from = CopyInto(from, &actor->mean.weight);
  from = CopyInto(from, &actor->log_std.weight);
  from = CopyInto(from, &actor->mean.bias);
  CopyInto(from, &actor->log_std.bias);
}

}  // namespace rollout
