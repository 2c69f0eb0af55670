// The symplectic (semi-implicit) Euler method.
#ifndef ROLLOUT_MODELS_INTEGRATORS_SYMPLECTIC_EULER_H_
#define ROLLOUT_MODELS_INTEGRATORS_SYMPLECTIC_EULER_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// p₁ = p + h dp(q, p, u), q₁ = q + h dq(q, p₁): dq at the old q and the new p. Order 1.
// Symplectic only for H = T(p) + V(q) without force; elsewhere it is an explicit method of order 1
// like any other. For NODE_SO read v for p.
// Hairer, Lubich, Wanner, Geometric Numerical Integration, section I.1.2.
class SymplecticEuler : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_SYMPLECTIC_EULER_H_
