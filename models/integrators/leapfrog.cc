#include "models/integrators/leapfrog.h"

namespace rollout {

CarriedState Leapfrog::Step(const Dynamics& dynamics, const CarriedState& state,
                            const HeldControl& control, double h) const {
  CarriedState next = state;
  next.momentum = state.momentum.add(dynamics.MomentumRate(state, control), 0.5 * h);
  next.position = state.position.add(dynamics.PositionRate(next, control), h);
  next.momentum = next.momentum.add(dynamics.MomentumRate(next, control), 0.5 * h);
  return next;
}

}  // namespace rollout
