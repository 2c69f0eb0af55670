#include "models/dynamics/pixel_autoencoder.h"

#include <ATen/ops/relu.h>

namespace rollout {

ResidualMlp::ResidualMlp(const ModelWeights& weights, const std::string& network) {
  for (const LayerWeights& layer : FindLayers(weights, network)) layers_.emplace_back(layer);
}

at::Tensor ResidualMlp::Forward(const at::Tensor& input) const {
  at::Tensor hidden = at::relu(layers_[0].Forward(input));
  for (size_t i = 1; i + 1 < layers_.size(); ++i) {
    hidden = hidden.add(at::relu(layers_[i].Forward(hidden)));
  }
  return layers_.back().Forward(hidden);
}

}  // namespace rollout
