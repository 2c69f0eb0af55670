#include "models/dynamics/node_recurrent.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>
#include <vector>

#include "models/dynamics/lanes.h"

namespace rollout {
namespace {

// How many of the first layer's columns see the state and the control; the memory's follow.
int64_t SeenColumns(const TransitionModelSpec& spec) {
  return spec.num_features() + spec.num_positions + spec.num_controls;
}

// `weights` with the first layer of mlp cut to what a NODE's has.
ModelWeights WithoutMemory(const TransitionModelSpec& spec, const ModelWeights& weights) {
  std::vector<ModelWeights::Entry> entries = weights.entries();
  for (ModelWeights::Entry& entry : entries) {
    if (entry.name == "mlp.0.weight") entry.value = entry.value.narrow(-1, 0, SeenColumns(spec));
  }
  return ModelWeights(std::move(entries));
}

// The rest of that layer, with the scale that a network of one layer gives to its output.
LayerWeights MemoryColumns(const TransitionModelSpec& spec, const ModelWeights& weights) {
  at::Tensor weight =
      weights.Find("mlp.0.weight").narrow(-1, SeenColumns(spec), spec.dynamics.memory_size);
  if (spec.dynamics.hidden_sizes.empty()) {
    weight = weight.mul(weights.Find("output.std").unsqueeze(-1));
  }
  return {weight, at::zeros_like(weights.Find("mlp.0.bias"))};
}

// The gates' view of the input as a network of one layer.
ModelWeights GateWeights(const ModelWeights& weights) {
  const at::Tensor weight = weights.Find("gru.input.weight");
  return ModelWeights({{"input.mean", weights.Find("input.mean")},
                       {"input.std", weights.Find("input.std")},
                       {"output.mean", at::zeros({weight.size(1)}, weight.options())},
                       {"output.std", at::ones({weight.size(1)}, weight.options())},
                       {"gates.0.weight", weight},
                       {"gates.0.bias", weights.Find("gru.input.bias")}});
}

}  // namespace

RecurrentNode::RecurrentNode(const TransitionModelSpec& spec, const ModelWeights& weights)
    : num_positions_(spec.num_positions),
      memory_size_(spec.dynamics.memory_size),
      positions_(spec, weights.entries().front().value.options()),
      network_(spec, WithoutMemory(spec, weights), "mlp"),
      network_memory_(MemoryColumns(spec, weights)),
      gates_(spec, GateWeights(weights), "gates"),
      gates_memory_({weights.Find("gru.memory.weight"), weights.Find("gru.memory.bias")}) {}

CarriedState RecurrentNode::Enter(const at::Tensor& state) const {
  CarriedState carried = SplitState(state);
  std::vector<int64_t> shape = carried.position.sizes().vec();
  shape.back() = memory_size_;
  carried.memory = at::zeros(shape, state.options().requires_grad(false));
  return carried;
}

at::Tensor RecurrentNode::Leave(const CarriedState& carried) const {
  return JoinState(carried.position, carried.momentum);
}

at::Tensor RecurrentNode::NextMemory(const CarriedState& start,
                                     const at::Tensor& lanes_control) const {
  const at::Tensor seen = gates_.Forward(positions_.Columns(start.position), start.momentum,
                                         gates_.Hold(lanes_control));
  const at::Tensor remembered = gates_memory_.Forward(start.memory);
  const auto part = [this](const at::Tensor& gates, int64_t index) {
    return gates.narrow(-1, index * memory_size_, memory_size_);
  };
  const at::Tensor reset = at::sigmoid(part(seen, 0).add(part(remembered, 0)));
  const at::Tensor keep = at::sigmoid(part(seen, 1).add(part(remembered, 1)));
  const at::Tensor candidate = at::tanh(part(seen, 2).add(reset.mul(part(remembered, 2))));
  return candidate.add(keep.mul(start.memory.sub(candidate)));
}

HeldControl RecurrentNode::Hold(const CarriedState& start, const at::Tensor& control) const {
  const at::Tensor lanes_control = ToLanes(control);
  HeldControl held = network_.Hold(lanes_control);
  held.memory = NextMemory(start, lanes_control);
  held.first_layer = network_memory_.Forward(held.memory, held.first_layer);
  return held;
}

Rates RecurrentNode::Derivative(const CarriedState& carried, const HeldControl& control) const {
  const at::Tensor rate =
      network_.Forward(positions_.Columns(carried.position), carried.momentum, control);
  return {rate.narrow(-1, 0, num_positions_), rate.narrow(-1, num_positions_, num_positions_)};
}

}  // namespace rollout
