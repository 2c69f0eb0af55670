#include "models/dynamics/mechanics.h"

namespace rollout {

Mechanics::Mechanics(const TransitionModelSpec& spec, const ModelWeights& weights)
    : MechanicalDynamics(spec, weights, "mlp") {}

Rates Mechanics::Derivative(const CarriedState& carried, const HeldControl& control) const {
  const at::Tensor columns = positions().Columns(carried.position);
  return {mass().At(columns)->Velocity(carried.momentum),
          network().Forward(columns, carried.momentum, control)};
}

at::Tensor Mechanics::PositionRate(const CarriedState& carried, const HeldControl&) const {
  return mass().At(positions().Columns(carried.position))->Velocity(carried.momentum);
}

at::Tensor Mechanics::MomentumRate(const CarriedState& carried, const HeldControl& control) const {
  return network().Forward(positions().Columns(carried.position), carried.momentum, control);
}

}  // namespace rollout
