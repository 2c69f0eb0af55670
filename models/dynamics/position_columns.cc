#include "models/dynamics/position_columns.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <vector>

namespace rollout {
namespace {

bool Contains(const std::vector<int>& sorted, int value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

}  // namespace

PositionColumns::PositionColumns(const TransitionModelSpec& spec, const at::TensorOptions& options)
    : num_positions_(spec.num_positions),
      has_angles_(!spec.angular_positions.empty()),
      is_identity_(spec.angular_positions.empty() && spec.ignored_positions.empty()) {
  const int n = spec.num_positions;
  const int num_angles = static_cast<int>(spec.angular_positions.size());
  std::vector<int64_t> features(static_cast<size_t>(width()), spec.num_features());
  for (int k = 0; k < num_angles; ++k) {
    const int angle = spec.angular_positions[static_cast<size_t>(k)];
    features[static_cast<size_t>(n + angle)] = k;
    features[static_cast<size_t>(2 * n + angle)] = num_angles + k;
  }
  int64_t next = 2 * num_angles;
  for (int i = 0; i < n; ++i) {
    if (!Contains(spec.angular_positions, i) && !Contains(spec.ignored_positions, i)) {
      features[static_cast<size_t>(i)] = next++;
    }
  }
  features_ = at::tensor(features, at::TensorOptions(at::kLong)).to(options.device());
}

at::Tensor PositionColumns::Spread(const at::Tensor& over_features, double absent) const {
  if (is_identity_) return over_features;
  std::vector<int64_t> pad_shape = over_features.sizes().vec();
  pad_shape.back() = 1;
  const at::Tensor pad = at::full(pad_shape, absent, over_features.options().requires_grad(false));
  return at::cat({over_features, pad}, -1).index_select(-1, features_);
}

at::Tensor PositionColumns::Columns(const at::Tensor& q) const {
  return has_angles_ ? at::cat({q, at::cos(q), at::sin(q)}, -1) : q;
}

at::Tensor PositionColumns::PullBack(const at::Tensor& columns, const at::Tensor& cotangent) const {
  if (!has_angles_) return cotangent;
  const int64_t n = num_positions_;
  const at::Tensor cosines = columns.narrow(-1, n, n);
  const at::Tensor sines = columns.narrow(-1, 2 * n, n);
  at::Tensor result =
      at::addcmul(cotangent.narrow(-1, 0, n), cosines, cotangent.narrow(-1, 2 * n, n));
  return at::addcmul(result, sines, cotangent.narrow(-1, n, n), -1);
}

std::vector<LayerWeights> FindLayersOverColumns(const TransitionModelSpec& spec,
                                                const ModelWeights& weights,
                                                const std::string& network) {
  std::vector<LayerWeights> layers = FindLayers(weights, network);
  at::Tensor& first = layers.front().weight;
  const int64_t num_features = spec.num_features();
  const PositionColumns positions(spec, first.options());
  first = at::cat({positions.Spread(first.narrow(-1, 0, num_features)),
                   first.narrow(-1, num_features, first.size(-1) - num_features)},
                  -1);
  return layers;
}

}  // namespace rollout
