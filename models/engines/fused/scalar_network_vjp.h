#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_NETWORK_VJP_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_NETWORK_VJP_H_

#include <vector>

#include "models/engines/fused/fused_model.h"

namespace rollout::fused {

// One lane through a network y = N(x), together with a tangent dy = N'(x) dx, and cotangents of
// both on their way back: those of the tangent need the network's second derivatives. Layer by
// layer, with the preactivation a = W h + b and da = W dh of the layer before,
//
//   h = s(a), dh = s'(a) da;   back:  ā = s'(a) h̄ + s''(a) da d̄h,  d̄a = s'(a) d̄h,
//   and for the layer before  h̄ = W' ā,  d̄h = W' d̄a.
//
// Owned by one thread; allocates only when constructed. `network` must outlive it.
template <typename Real>
class ScalarNetworkVjp {
 public:
  ScalarNetworkVjp(const Network& network, Activation activation);

  // x and dx [inputs].
  void Forward(const std::vector<Real>& x, const std::vector<Real>& dx);
  const std::vector<Real>& outputs() const { return values_.back(); }
  const std::vector<Real>& output_tangents() const { return tangents_.back(); }

  // Cotangents [outputs] of the last Forward's outputs and output tangents; adds those of its x
  // and dx.
  void AddInputCotangents(const std::vector<Real>& by_outputs, const std::vector<Real>& by_tangents,
                          std::vector<Real>& by_x, std::vector<Real>& by_dx);

 private:
  void TransposedProduct(const DenseLayer& layer, const std::vector<Real>& in,
                         std::vector<Real>& out) const;

  const Network& network_;
  const Activation activation_;
  // values_[i] is what layer i reads, the last one the outputs; likewise their tangents.
  std::vector<std::vector<Real>> values_, tangents_;
  std::vector<std::vector<Real>> preactivations_, preactivation_tangents_;
  std::vector<std::vector<Real>> value_cotangents_, tangent_cotangents_;
};

extern template class ScalarNetworkVjp<float>;
extern template class ScalarNetworkVjp<double>;

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_NETWORK_VJP_H_
