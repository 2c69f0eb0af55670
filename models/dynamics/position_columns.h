// How positions enter a network.
#ifndef ROLLOUT_MODELS_DYNAMICS_POSITION_COLUMNS_H_
#define ROLLOUT_MODELS_DYNAMICS_POSITION_COLUMNS_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/dynamics/mlp.h"
#include "models/transition_model.h"

namespace rollout {

// Networks see f(q) = [cos q_a for a in angular, sin q_a for a in angular, the other q but the
// ignored, in order]. Picking these out of q takes many small operations in each evaluation, so the
// first layer's weights are spread out instead, once: its columns become [q] where no position is
// angular, else [q, cos q, sin q], each of n columns, with zeros for what no network sees.
// Immutable.
class PositionColumns {
 public:
  PositionColumns(const TransitionModelSpec& spec, const at::TensorOptions& options);

  // n, or 3n with angles.
  int64_t width() const { return has_angles_ ? 3 * num_positions_ : num_positions_; }

  // [.., F], numbers that belong to features → [.., width()], with `absent` for unseen columns.
  at::Tensor Spread(const at::Tensor& over_features, double absent = 0.0) const;

  // q [.., n] → the columns [.., width()].
  at::Tensor Columns(const at::Tensor& q) const;

  // Cotangent of q [.., n] for that of the columns: the chain rule through cosine and sine.
  at::Tensor PullBack(const at::Tensor& columns, const at::Tensor& cotangent) const;

 private:
  int64_t num_positions_;
  bool has_angles_;
  bool is_identity_;     // f(q) = q
  at::Tensor features_;  // [width()], index of each column's feature, F where it has none
};

// The layers of a network whose input starts with raw f(q): the first one spread over the columns
// of q; columns for what follows f(q) stay as they are.
std::vector<LayerWeights> FindLayersOverColumns(const TransitionModelSpec& spec,
                                                const ModelWeights& weights,
                                                const std::string& network);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_POSITION_COLUMNS_H_
