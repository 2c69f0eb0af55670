#include "models/integrators/euler.h"

namespace rollout {

CarriedState Euler::Step(const Dynamics& dynamics, const CarriedState& state,
                         const HeldControl& control, double h) const {
  return Advance(state, dynamics.Derivative(state, control), h);
}

}  // namespace rollout
