// What integrators with equal steps share.
#ifndef ROLLOUT_MODELS_INTEGRATORS_FIXED_STEP_H_
#define ROLLOUT_MODELS_INTEGRATORS_FIXED_STEP_H_

#include "models/integrators/integrator.h"

namespace rollout {

// `substeps` steps of h = transition_dt / substeps.
class FixedStepIntegrator : public Integrator {
 public:
  FixedStepIntegrator(double transition_dt, int substeps)
      : step_(transition_dt / substeps), substeps_(substeps) {}

  CarriedState Transition(const Dynamics& dynamics, const CarriedState& start,
                          const HeldControl& control) const final {
    CarriedState state = start;
    for (int i = 0; i < substeps_; ++i) state = Step(dynamics, state, control, step_);
    state.memory = control.memory;
    return state;
  }

 protected:
  // One step of h seconds.
  virtual CarriedState Step(const Dynamics& dynamics, const CarriedState& state,
                            const HeldControl& control, double h) const = 0;

 private:
  double step_;
  int substeps_;
};

// state + h · rates.
inline CarriedState Advance(const CarriedState& state, const Rates& rates, double h) {
  return {state.position.add(rates.position, h), state.momentum.add(rates.momentum, h)};
}

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_FIXED_STEP_H_
