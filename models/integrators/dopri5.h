// Dormand and Prince's adaptive Runge-Kutta pair.
#ifndef ROLLOUT_MODELS_INTEGRATORS_DOPRI5_H_
#define ROLLOUT_MODELS_INTEGRATORS_DOPRI5_H_

#include "models/integrators/integrator.h"
#include "models/integrators/lane_norm.h"

namespace rollout {

// Order 5 with an embedded error estimate of order 4:
//    0  |
//   1/5 | 1/5
//  3/10 | 3/40        9/40
//   4/5 | 44/45      −56/15      32/9
//   8/9 | 19372/6561 −25360/2187 64448/6561 −212/729
//    1  | 9017/3168  −355/33     46732/5247   49/176 −5103/18656
//    1  | 35/384          0      500/1113   125/192  −2187/6784    11/84   (= z₁, k₇ = next k₁)
// Every lane and member chooses its own steps, so that its result does not depend on what it is
// batched with: a trial is accepted where the RMS of error / (atol + rtol max(|z|, |z₁|)) is at
// most 1, and the next step is h · 0.9 ratio^(−1/5), within [0.2 h, 10 h]. It starts afresh in each
// transition, where the control jumps, with transition_dt / substeps. A lane that needs more than
// 1000 trials in a transition becomes NaN. Needs float64.
// Dormand, Prince, J. Comp. Appl. Math. 6 (1980); Hairer, Nørsett, Wanner, Solving Ordinary
// Differential Equations I, table II.5.2 and section II.4.
class Dopri5 : public Integrator {
 public:
  static constexpr double kDefaultRtol = 1e-6;
  static constexpr double kDefaultAtol = 1e-8;
  static constexpr int kMaxTrials = 1000;

  Dopri5(double transition_dt, int substeps, Tolerance tolerance)
      : transition_dt_(transition_dt),
        first_step_(transition_dt / substeps),
        tolerance_(tolerance) {}

  CarriedState Transition(const Dynamics& dynamics, const CarriedState& start,
                          const HeldControl& control) const override;

 private:
  double transition_dt_;
  double first_step_;
  Tolerance tolerance_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_DOPRI5_H_
