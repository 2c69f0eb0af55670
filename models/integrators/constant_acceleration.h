// Constant acceleration over a step.
#ifndef ROLLOUT_MODELS_INTEGRATORS_CONSTANT_ACCELERATION_H_
#define ROLLOUT_MODELS_INTEGRATORS_CONSTANT_ACCELERATION_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// q₁ = q + h v + ½ h² a, v₁ = v + h a, with a = dv/dt at (q, v, u): exact where a is constant.
// Only for kinds whose dq/dt is the carried velocity itself. Order 1 (order 2 in q where a does not
// depend on v and q). The "euler" of Gruver et al.'s CoupledNODE, ICLR 2022.
class ConstantAcceleration : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_CONSTANT_ACCELERATION_H_
