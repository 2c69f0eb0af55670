// Kutta's 3/8 rule.
#ifndef ROLLOUT_MODELS_INTEGRATORS_RK4_THREE_EIGHTHS_H_
#define ROLLOUT_MODELS_INTEGRATORS_RK4_THREE_EIGHTHS_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// k₁ = f(z), k₂ = f(z + h/3 k₁), k₃ = f(z + h (k₂ − k₁/3)), k₄ = f(z + h (k₁ − k₂ + k₃)),
// z₁ = z + h/8 (k₁ + 3 k₂ + 3 k₃ + k₄). Order 4.
// Kutta 1901; Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, table II.1.2.
class RungeKutta4ThreeEighths : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_RK4_THREE_EIGHTHS_H_
