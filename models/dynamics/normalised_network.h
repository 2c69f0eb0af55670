// A network between a model's normalisers.
#ifndef ROLLOUT_MODELS_DYNAMICS_NORMALISED_NETWORK_H_
#define ROLLOUT_MODELS_DYNAMICS_NORMALISED_NETWORK_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "models/dynamics/dynamics.h"
#include "models/dynamics/mlp.h"
#include "models/dynamics/position_columns.h"

namespace rollout {

// output.std ⊙ mlp(norm(f(q), w, u)) + output.mean, with norm(x) = (x - input.mean) / input.std and
// w the velocity or momentum: the acceleration of NODE_SO, the force of HNN, and so on. The scales
// are folded into the first and last layer, and the first layer is split into the part that sees
// the state and the part that sees the control, which is held over a whole transition. (The means
// are subtracted from the state, not folded into a bias: in float32 that would cost |mean| / std of
// the digits.) Immutable.
class NormalisedNetwork {
 public:
  NormalisedNetwork(const TransitionModelSpec& spec, const ModelWeights& weights,
                    const std::string& network);

  HeldControl Hold(const at::Tensor& control) const;

  // `columns` as from PositionColumns::Columns(q), `second` = w [.., B, n] → [.., B, out].
  at::Tensor Forward(const at::Tensor& columns, const at::Tensor& second,
                     const HeldControl& control) const;

 private:
  struct Parts {
    at::Tensor state_mean;    // [width + n]
    at::Tensor control_mean;  // [nu]
    LayerWeights control_layer;
    std::vector<LayerWeights> state_layers;
  };
  static Parts Fold(const TransitionModelSpec& spec, const ModelWeights& weights,
                    const std::string& network);
  NormalisedNetwork(Parts parts, Activation activation);

  at::Tensor state_mean_;
  at::Tensor control_mean_;
  Linear control_layer_;
  Mlp mlp_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_NORMALISED_NETWORK_H_
