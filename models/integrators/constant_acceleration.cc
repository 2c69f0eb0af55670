#include "models/integrators/constant_acceleration.h"

namespace rollout {

CarriedState ConstantAcceleration::Step(const Dynamics& dynamics, const CarriedState& state,
                                        const HeldControl& control, double h) const {
  const at::Tensor acceleration = dynamics.MomentumRate(state, control);
  at::Tensor position = state.position.add(state.momentum, h);
  position.add_(acceleration, 0.5 * h * h);
  return {position, state.momentum.add(acceleration, h)};
}

}  // namespace rollout
