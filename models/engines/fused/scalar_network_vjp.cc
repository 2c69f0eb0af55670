#include "models/engines/fused/scalar_network_vjp.h"

#include <algorithm>

#include "models/engines/fused/scalar_functions.h"

namespace rollout::fused {

template <typename Real>
ScalarNetworkVjp<Real>::ScalarNetworkVjp(const Network& network, Activation activation)
    : network_(network), activation_(activation) {
  for (size_t i = 0; i <= network.size() && !network.empty(); ++i) {
    const size_t width = i < network.size() ? network[i].inputs : network.back().outputs;
    for (auto* rows : {&values_, &tangents_, &value_cotangents_, &tangent_cotangents_}) {
      rows->emplace_back(width);
    }
    if (i == network.size()) break;
    for (auto* rows : {&preactivations_, &preactivation_tangents_}) {
      rows->emplace_back(network[i].outputs);
    }
  }
}

template <typename Real>
void ScalarNetworkVjp<Real>::Forward(const std::vector<Real>& x, const std::vector<Real>& dx) {
  std::copy(x.begin(), x.end(), values_[0].begin());
  std::copy(dx.begin(), dx.end(), tangents_[0].begin());
  for (size_t i = 0; i < network_.size(); ++i) {
    const DenseLayer& layer = network_[i];
    const bool is_last = i + 1 == network_.size();
    for (int row = 0; row < layer.outputs; ++row) {
      const float* weight = &layer.weight[size_t(row) * layer.inputs];
      const Real a = layer.bias[row] + Dot(weight, values_[i].data(), layer.inputs);
      const Real da = Dot(weight, tangents_[i].data(), layer.inputs);
      preactivations_[i][row] = a;
      preactivation_tangents_[i][row] = da;
      values_[i + 1][row] = is_last ? a : Activate(activation_, a);
      tangents_[i + 1][row] = is_last ? da : ActivationSlope(activation_, a) * da;
    }
  }
}

template <typename Real>
void ScalarNetworkVjp<Real>::TransposedProduct(const DenseLayer& layer, const std::vector<Real>& in,
                                               std::vector<Real>& out) const {
  std::fill(out.begin(), out.end(), Real(0));
  for (int row = 0; row < layer.outputs; ++row) {
    const float* weight = &layer.weight[size_t(row) * layer.inputs];
    for (int k = 0; k < layer.inputs; ++k) out[k] += Real(weight[k]) * in[row];
  }
}

template <typename Real>
void ScalarNetworkVjp<Real>::AddInputCotangents(const std::vector<Real>& by_outputs,
                                                const std::vector<Real>& by_tangents,
                                                std::vector<Real>& by_x, std::vector<Real>& by_dx) {
  std::copy(by_outputs.begin(), by_outputs.end(), value_cotangents_.back().begin());
  std::copy(by_tangents.begin(), by_tangents.end(), tangent_cotangents_.back().begin());
  for (size_t i = network_.size(); i-- > 0;) {
    std::vector<Real>& by_value = value_cotangents_[i + 1];
    std::vector<Real>& by_tangent = tangent_cotangents_[i + 1];
    if (i + 1 < network_.size()) {
      for (size_t k = 0; k < by_value.size(); ++k) {
        const Real a = preactivations_[i][k];
        const Real slope = ActivationSlope(activation_, a);
        by_value[k] = slope * by_value[k] + ActivationCurvature(activation_, a) *
                                                preactivation_tangents_[i][k] * by_tangent[k];
        by_tangent[k] *= slope;
      }
    }
    TransposedProduct(network_[i], by_value, value_cotangents_[i]);
    TransposedProduct(network_[i], by_tangent, tangent_cotangents_[i]);
  }
  for (size_t k = 0; k < by_x.size(); ++k) by_x[k] += value_cotangents_[0][k];
  for (size_t k = 0; k < by_dx.size(); ++k) by_dx[k] += tangent_cotangents_[0][k];
}

template class ScalarNetworkVjp<float>;
template class ScalarNetworkVjp<double>;

}  // namespace rollout::fused
