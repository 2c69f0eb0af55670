#include "models/integrators/symplectic_euler.h"

namespace rollout {

CarriedState SymplecticEuler::Step(const Dynamics& dynamics, const CarriedState& state,
                                   const HeldControl& control, double h) const {
  CarriedState next = state;
  next.momentum = state.momentum.add(dynamics.MomentumRate(state, control), h);
  next.position = state.position.add(dynamics.PositionRate(next, control), h);
  return next;
}

}  // namespace rollout
