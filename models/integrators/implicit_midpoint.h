// The implicit midpoint rule.
#ifndef ROLLOUT_MODELS_INTEGRATORS_IMPLICIT_MIDPOINT_H_
#define ROLLOUT_MODELS_INTEGRATORS_IMPLICIT_MIDPOINT_H_

#include "models/integrators/fixed_step.h"
#include "models/integrators/lane_norm.h"

namespace rollout {

// z₁ = z + h f((z + z₁)/2, u), on (q, p). Order 2, time-reversible, and symplectic for every H.
// Solved by fixed-point iteration from Euler's guess, each lane and member until its change is
// within rtol and atol, at most 50 times: a lane that has not converged by then is NaN from there.
// Needs float64: at float32's 1e-7 reversibility is lost.
// Hairer, Lubich, Wanner, Geometric Numerical Integration, sections II.1.1 and VIII.6.
class ImplicitMidpoint : public FixedStepIntegrator {
 public:
  static constexpr double kDefaultRtol = 1e-12;
  static constexpr double kDefaultAtol = 1e-13;
  static constexpr int kMaxIterations = 50;

  ImplicitMidpoint(double transition_dt, int substeps, Tolerance tolerance)
      : FixedStepIntegrator(transition_dt, substeps), tolerance_(tolerance) {}

 protected:
  CarriedState Step(const Dynamics& dynamics, const CarriedState& state, const HeldControl& control,
                    double h) const override;

 private:
  Tolerance tolerance_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_IMPLICIT_MIDPOINT_H_
