// A multilayer perceptron for every member of an ensemble at once, and the gradient of its outputs
// with respect to its input, by formula.
#ifndef ROLLOUT_MODELS_DYNAMICS_MLP_H_
#define ROLLOUT_MODELS_DYNAMICS_MLP_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/dynamics/weights.h"
#include "models/transition_model.h"

namespace rollout {

// Weights of one layer as a checkpoint has them.
struct LayerWeights {
  at::Tensor weight;  // [E, out, in]
  at::Tensor bias;    // [E, out]
};

// The layers "<network>.<i>.weight", "<network>.<i>.bias", i = 0, 1, …
std::vector<LayerWeights> FindLayers(const ModelWeights& weights, const std::string& network);

// y = x W' + b of one layer. Lanes are [E, B, in], or [B, in] without the leading axis when E = 1:
// there one addmm takes the place of a batched product.
class Linear {
 public:
  explicit Linear(const LayerWeights& layer);

  at::Tensor Forward(const at::Tensor& input) const { return Forward(input, bias_); }
  // With `offset` ([.., B, out]) in the place of the bias.
  at::Tensor Forward(const at::Tensor& input, const at::Tensor& offset) const;
  // Cotangent of the input [.., B, in] for that of the output [.., B, out].
  at::Tensor InputCotangent(const at::Tensor& output_cotangent) const;
  // The single row of weights ([in] or [E, 1, in]) of a layer with one output.
  at::Tensor weight_row() const;

 private:
  at::Tensor weight_;             // [out, in] or [E, out, in]
  at::Tensor transposed_weight_;  // [in, out] or [E, in, out]
  at::Tensor bias_;               // [out] or [E, 1, out]
};

// Activation after every layer but the last; one layer is a linear map. Made from tensors, shares
// them, never changes them: use from several threads is safe. Autograd passes through everything,
// to the layers' weights.
class Mlp {
 public:
  Mlp(const std::vector<LayerWeights>& layers, Activation activation);

  // What the gradient needs of one forward pass: hidden layers before (only where the activation's
  // derivative is a function of that) and after the activation.
  struct Trace {
    std::vector<at::Tensor> before;
    std::vector<at::Tensor> after;
  };

  // [.., B, in] → [.., B, out].
  at::Tensor Forward(const at::Tensor& input) const;
  // `offset` [.., B, out of layer 0] takes the place of the first layer's bias: the part of the
  // input that is held constant over many evaluations.
  at::Tensor Forward(const at::Tensor& input, const at::Tensor& offset) const;
  at::Tensor Forward(const at::Tensor& input, Trace* trace) const;

  // Σ_k cotangent_k ∂out_k/∂input, [.., B, in], at the traced point.
  at::Tensor InputCotangent(const Trace& trace, const at::Tensor& output_cotangent) const;
  // ∂out/∂input [.., B, in] of a network with one output, at the traced point of `lanes` lanes.
  at::Tensor InputGradient(const Trace& trace, const at::Tensor& input) const;

 private:
  at::Tensor Backward(const Trace& trace, at::Tensor cotangent, size_t layer) const;

  std::vector<Linear> layers_;
  Activation activation_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_MLP_H_
