// Kick, drift, kick.
#ifndef ROLLOUT_MODELS_INTEGRATORS_LEAPFROG_H_
#define ROLLOUT_MODELS_INTEGRATORS_LEAPFROG_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// p½ = p + h/2 dp(q, p, u), q₁ = q + h dq(q, p½), p₁ = p½ + h/2 dp(q₁, p½, u).
// Order 2, and symplectic, for H = T(p) + V(q) without force (Störmer-Verlet). Order 1 where dp
// depends on p or dq on q: the second kick sees p½, which leaves out h²/4 (∂a/∂v) a.
// For NODE_SO read v for p.
// Hairer, Lubich, Wanner, Geometric Numerical Integration, section I.1.4.
class Leapfrog : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_LEAPFROG_H_
