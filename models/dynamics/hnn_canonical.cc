#include "models/dynamics/hnn_canonical.h"

#include "models/dynamics/lanes.h"

namespace rollout {

HnnCanonical::HnnCanonical(const TransitionModelSpec& spec, const ModelWeights& weights)
    : hamiltonian_(FindLayers(weights, "hamiltonian"), spec.dynamics.activation) {}

CarriedState HnnCanonical::Enter(const at::Tensor& state) const { return SplitState(state); }

at::Tensor HnnCanonical::Leave(const CarriedState& carried) const {
  return JoinState(carried.position, carried.momentum);
}

HeldControl HnnCanonical::Hold(const CarriedState&, const at::Tensor&) const { return {}; }

Rates HnnCanonical::Derivative(const CarriedState& carried, const HeldControl&) const {
  const int64_t n = carried.position.size(-1);
  const at::Tensor state = at::cat({carried.position, carried.momentum}, -1);
  Mlp::Trace trace;
  hamiltonian_.Forward(state, &trace);
  const at::Tensor gradient = hamiltonian_.InputGradient(trace, state);
  return {gradient.narrow(-1, n, n), -gradient.narrow(-1, 0, n)};
}

at::Tensor HnnCanonical::Energy(const CarriedState& carried) const {
  return hamiltonian_.Forward(at::cat({carried.position, carried.momentum}, -1)).squeeze(-1);
}

}  // namespace rollout
