// Euler's explicit method.
#ifndef ROLLOUT_MODELS_INTEGRATORS_EULER_H_
#define ROLLOUT_MODELS_INTEGRATORS_EULER_H_

#include "models/integrators/fixed_step.h"

namespace rollout {

// z₁ = z + h f(z, u), with the old velocity in the positions. Order 1.
// Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section I.7.
class Euler : public FixedStepIntegrator {
 public:
  using FixedStepIntegrator::FixedStepIntegrator;

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_EULER_H_
