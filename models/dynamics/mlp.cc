#include "models/dynamics/mlp.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/softplus_backward.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/threshold_backward.h>

#include "absl/strings/str_cat.h"
#include "models/dynamics/softplus.h"

namespace rollout {
namespace {

// In place where the derivative is a function of the result, since then nobody needs the argument.
at::Tensor Activate(Activation activation, at::Tensor& before) {
  switch (activation) {
    case Activation::kTanh:
      return at::tanh_(before);
    case Activation::kRelu:
      return at::relu_(before);
    case Activation::kSilu:
      return at::silu(before);
    case Activation::kSoftplus:
      return Softplus(before);
  }
  return before;
}

at::Tensor ActivationCotangent(Activation activation, const at::Tensor& cotangent,
                               const at::Tensor& before, const at::Tensor& after) {
  switch (activation) {
    case Activation::kTanh:
      return at::tanh_backward(cotangent, after);
    case Activation::kRelu:
      return at::threshold_backward(cotangent, after, 0);
    case Activation::kSilu:
      // LibTorch has no derivative of silu_backward, which gradients of rollouts of H need.
      if (at::GradMode::is_enabled()) {
        const at::Tensor s = at::sigmoid(before);
        return cotangent.mul(s).mul(before.mul(s.neg().add(1)).add(1));
      }
      return at::silu_backward(cotangent, before);
    case Activation::kSoftplus:
      return SoftplusBackward(cotangent, before);
  }
  return cotangent;
}

}  // namespace

std::vector<LayerWeights> FindLayers(const ModelWeights& weights, const std::string& network) {
  std::vector<LayerWeights> layers;
  for (;;) {
    const std::string prefix = absl::StrCat(network, ".", layers.size());
    const at::Tensor weight = weights.Find(prefix + ".weight");
    if (!weight.defined()) return layers;
    layers.push_back({weight, weights.Find(prefix + ".bias")});
  }
}

Linear::Linear(const LayerWeights& layer) {
  if (layer.weight.size(0) == 1) {
    weight_ = layer.weight.squeeze(0);
    bias_ = layer.bias.squeeze(0);
  } else {
    weight_ = layer.weight;
    bias_ = layer.bias.unsqueeze(1);
  }
  transposed_weight_ = weight_.transpose(-1, -2);
}

at::Tensor Linear::Forward(const at::Tensor& input, const at::Tensor& offset) const {
  return input.dim() == 2 ? at::addmm(offset, input, transposed_weight_)
                          : at::baddbmm(offset, input, transposed_weight_);
}

at::Tensor Linear::InputCotangent(const at::Tensor& output_cotangent) const {
  return output_cotangent.dim() == 2 ? at::mm(output_cotangent, weight_)
                                     : at::bmm(output_cotangent, weight_);
}

at::Tensor Linear::weight_row() const { return weight_.dim() == 2 ? weight_.squeeze(0) : weight_; }

Mlp::Mlp(const std::vector<LayerWeights>& layers, Activation activation) : activation_(activation) {
  layers_.reserve(layers.size());
  for (const LayerWeights& layer : layers) layers_.emplace_back(layer);
}

at::Tensor Mlp::Forward(const at::Tensor& input) const {
  at::Tensor x = layers_[0].Forward(input);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i].Forward(Activate(activation_, x));
  return x;
}

at::Tensor Mlp::Forward(const at::Tensor& input, const at::Tensor& offset) const {
  at::Tensor x = layers_[0].Forward(input, offset);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i].Forward(Activate(activation_, x));
  return x;
}

at::Tensor Mlp::Forward(const at::Tensor& input, Trace* trace) const {
  trace->before.clear();
  trace->after.clear();
  at::Tensor x = layers_[0].Forward(input);
  for (size_t i = 1; i < layers_.size(); ++i) {
    const at::Tensor y = Activate(activation_, x);
    trace->before.push_back(x);
    trace->after.push_back(y);
    x = layers_[i].Forward(y);
  }
  return x;
}

at::Tensor Mlp::Backward(const Trace& trace, at::Tensor cotangent, size_t layer) const {
  while (layer-- > 0) {
    cotangent =
        ActivationCotangent(activation_, cotangent, trace.before[layer], trace.after[layer]);
    cotangent = layers_[layer].InputCotangent(cotangent);
  }
  return cotangent;
}

at::Tensor Mlp::InputCotangent(const Trace& trace, const at::Tensor& output_cotangent) const {
  return Backward(trace, layers_.back().InputCotangent(output_cotangent), layers_.size() - 1);
}

at::Tensor Mlp::InputGradient(const Trace& trace, const at::Tensor& input) const {
  const at::Tensor row = layers_.back().weight_row();
  if (layers_.size() == 1) return row.expand_as(input);
  return Backward(trace, row.expand_as(trace.after.back()), layers_.size() - 1);
}

}  // namespace rollout
