// The classic Runge-Kutta method.
#ifndef ROLLOUT_MODELS_INTEGRATORS_RK4_H_
#define ROLLOUT_MODELS_INTEGRATORS_RK4_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// k₁ = f(z), k₂ = f(z + h/2 k₁), k₃ = f(z + h/2 k₂), k₄ = f(z + h k₃),
// z₁ = z + h/6 (k₁ + 2 k₂ + 2 k₃ + k₄). Order 4.
// Kutta 1901; Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, table II.1.2.
class RungeKutta4 : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_RK4_H_
