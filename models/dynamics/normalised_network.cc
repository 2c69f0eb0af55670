#include "models/dynamics/normalised_network.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/sub.h>

#include <utility>

namespace rollout {

NormalisedNetwork::Parts NormalisedNetwork::Fold(const TransitionModelSpec& spec,
                                                 const ModelWeights& weights,
                                                 const std::string& network) {
  const int64_t num_features = spec.num_features();
  const int64_t n = spec.num_positions;
  const int64_t nu = spec.num_controls;
  const at::Tensor input_mean = weights.Find("input.mean");
  const at::Tensor input_std = weights.Find("input.std");
  std::vector<LayerWeights> layers = FindLayers(weights, network);

  LayerWeights& last = layers.back();
  const at::Tensor output_std = weights.Find("output.std");
  last.weight = last.weight.mul(output_std.unsqueeze(-1));
  last.bias = last.bias.mul(output_std).add(weights.Find("output.mean"));

  LayerWeights& first = layers.front();
  const at::Tensor scaled = first.weight.div(input_std);
  const PositionColumns positions(spec, first.weight.options());
  Parts parts;
  parts.control_layer = {scaled.narrow(-1, num_features + n, nu), first.bias};
  parts.control_mean = input_mean.narrow(0, num_features + n, nu);
  parts.state_mean = at::cat({positions.Spread(input_mean.narrow(0, 0, num_features)),
                              input_mean.narrow(0, num_features, n)});
  first.weight = at::cat(
      {positions.Spread(scaled.narrow(-1, 0, num_features)), scaled.narrow(-1, num_features, n)},
      -1);
  parts.state_layers = std::move(layers);
  return parts;
}

NormalisedNetwork::NormalisedNetwork(const TransitionModelSpec& spec, const ModelWeights& weights,
                                     const std::string& network)
    : NormalisedNetwork(Fold(spec, weights, network), spec.dynamics.activation) {}

NormalisedNetwork::NormalisedNetwork(Parts parts, Activation activation)
    : state_mean_(parts.state_mean),
      control_mean_(parts.control_mean),
      control_layer_(parts.control_layer),
      mlp_(parts.state_layers, activation) {}

HeldControl NormalisedNetwork::Hold(const at::Tensor& control) const {
  return {control_layer_.Forward(at::sub(control, control_mean_))};
}

at::Tensor NormalisedNetwork::Forward(const at::Tensor& columns, const at::Tensor& second,
                                      const HeldControl& control) const {
  at::Tensor state = at::cat({columns, second}, -1);
  state.sub_(state_mean_);
  return mlp_.Forward(state, control.first_layer);
}

}  // namespace rollout
