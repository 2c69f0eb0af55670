// The first Hamiltonian neural network, on canonical coordinates.
#ifndef ROLLOUT_MODELS_DYNAMICS_HNN_CANONICAL_H_
#define ROLLOUT_MODELS_DYNAMICS_HNN_CANONICAL_H_

#include "models/dynamics/dynamics.h"
#include "models/dynamics/mlp.h"

namespace rollout {

// States are canonical [q, p]: dq = ∂H/∂p, dp = −∂H/∂q with H = hamiltonian(q, p). The control is
// ignored. PIXEL_HNN has the same dynamics on the latent state of its frames. Greydanus, Dzamba,
// Yosinski, Hamiltonian Neural Networks, NeurIPS 2019, sections 2 and 5.
class HnnCanonical : public Dynamics {
 public:
  HnnCanonical(const TransitionModelSpec& spec, const ModelWeights& weights);

  CarriedState Enter(const at::Tensor& state) const override;
  at::Tensor Leave(const CarriedState& carried) const override;
  HeldControl Hold(const CarriedState& start, const at::Tensor& control) const override;
  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor Energy(const CarriedState& carried) const override;

 private:
  Mlp hamiltonian_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_HNN_CANONICAL_H_
