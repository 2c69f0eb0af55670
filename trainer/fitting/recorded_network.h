// A network that remembers each of its evaluations, to find gradients of what became of them.
#ifndef ROLLOUT_TRAINER_FITTING_RECORDED_NETWORK_H_
#define ROLLOUT_TRAINER_FITTING_RECORDED_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/fitting/layer_arithmetic.h"
#include "trainer/fitting/model_parameters.h"

namespace rollout {

// y(x) = output_std mlp((x - input_mean) / input_std) + output_mean with tanh between the layers,
// and the cotangent x*(x, y*) = (dy/dx)' y* of its input, which is how a Hamiltonian's derivative
// comes about; both at many slots of `batch` rows each, forward and backward.
//
// After SetParameters each slot is used in the order Forward, InputCotangent (perhaps), then once
// all slots are through, in any order of slots, BackThroughInputCotangent (if that was used) and
// Backward; in the end AddGradient. Layers' inputs and cotangents of all slots stand below each
// other in tall matrices, so that the weights' gradients are one product for each layer instead of
// one for each slot.
//
// Memory is allocated once. One owner, one thread.
template <typename Real>
class RecordedNetwork {
 public:
  // The first `cotangent_slots` slots may use InputCotangent; all others only Forward and Backward.
  // `model` outlives it.
  RecordedNetwork(const ModelParameters& model, const std::string& network,
                  const NetworkScale& scale, int64_t slots, int64_t cotangent_slots, int64_t batch);

  int inputs() const { return layers_.front().inputs; }
  int outputs() const { return layers_.back().outputs; }

  // One member's of ModelParameters, which outlive what follows.
  void SetParameters(const Real* parameters);

  // Where the caller writes x [batch, inputs] before Forward, which normalises it in place.
  Real* input(int64_t slot) { return Rows(layers_.front().input, slot, inputs()); }
  // y [batch, outputs] into `output`; null where it is not wanted.
  void Forward(int64_t slot, Real* output);
  // x* [batch, inputs] for y* [batch, outputs].
  void InputCotangent(int64_t slot, const Real* output_cotangent, Real* input_cotangent);

  // For a cotangent [batch, inputs] of x*: that of y* [batch, outputs] into `back`; null where it
  // is not wanted. Keeps that of x for Backward, which must follow for the same slot.
  void BackThroughInputCotangent(int64_t slot, const Real* cotangent, Real* back);
  // For a cotangent [batch, outputs] of y (null: zero): that of x [batch, inputs] into `back`.
  void Backward(int64_t slot, const Real* cotangent, Real* back);

  // Adds the gradient with respect to this network's weights, of all slots, in its places in a
  // member's parameters.
  void AddGradient(Real* gradient);

 private:
  struct Layer {
    int inputs = 0, outputs = 0;
    int64_t weight_offset = 0, bias_offset = 0;  // within a member's parameters
    // Below each other: x_i of all slots, then the cotangents of its x* of the cotangent slots.
    std::vector<Real> input;  // [slots + cotangent_slots, batch, inputs]
    // The same of W x + b: its cotangents, then its own x* before they pass W.
    std::vector<Real> output;  // [slots + cotangent_slots, batch, outputs]
    // x* before it passes the tanh below.
    std::vector<Real> star;            // [cotangent_slots, batch, inputs]
    std::vector<Real> more_cotangent;  // [batch, inputs], of x_i through the slope of tanh
    const Real* bias = nullptr;
    Packed<Real> weight, weight_transposed;
  };

  Real* Rows(std::vector<Real>& matrix, int64_t slot, int columns) {
    return &matrix[slot * batch_ * columns];
  }
  // y [batch, outputs] = x W', and x [batch, inputs] = y W, of one layer.
  void TimesTransposed(const Layer& layer, const Real* x, Real* y);
  void Times(const Layer& layer, const Real* y, Real* x);

  const int64_t slots_;
  const int64_t cotangent_slots_;
  const int64_t batch_;
  std::vector<Real> input_mean_, input_inverse_std_, output_mean_, output_std_;
  std::vector<Layer> layers_;
  std::vector<Real> scratch_;  // [batch, widest layer]
  Multiplier<Real> multiplier_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_RECORDED_NETWORK_H_
