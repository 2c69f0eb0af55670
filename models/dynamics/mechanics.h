// Mechanics without a Hamiltonian: a learned mass, and a network for dp/dt.
#ifndef ROLLOUT_MODELS_DYNAMICS_MECHANICS_H_
#define ROLLOUT_MODELS_DYNAMICS_MECHANICS_H_

#include "models/dynamics/hnn.h"

namespace rollout {

// dq = Minv(q) p; dp = output.std ⊙ mlp(norm(f(q), p, u)) + output.mean. The n middle numbers of
// input.mean and input.std belong to p here. Gruver et al., ICLR 2022 (MechanicsNN, to which the
// symplectic regulariser applies).
class Mechanics : public MechanicalDynamics {
 public:
  Mechanics(const TransitionModelSpec& spec, const ModelWeights& weights);

  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor PositionRate(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor MomentumRate(const CarriedState& carried, const HeldControl& control) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_MECHANICS_H_
