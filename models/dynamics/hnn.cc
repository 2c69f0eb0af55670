#include "models/dynamics/hnn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/sub.h>

#include "models/dynamics/lanes.h"

namespace rollout {

MechanicalDynamics::MechanicalDynamics(const TransitionModelSpec& spec, const ModelWeights& weights,
                                       const std::string& network)
    : positions_(spec, weights.entries().front().value.options()), mass_(MakeMass(spec, weights)) {
  if (!network.empty()) network_.emplace(spec, weights, network);
}

CarriedState MechanicalDynamics::Enter(const at::Tensor& state) const {
  CarriedState carried = SplitState(state);
  carried.momentum = mass_->At(positions_.Columns(carried.position))->Momentum(carried.momentum);
  return carried;
}

at::Tensor MechanicalDynamics::Leave(const CarriedState& carried) const {
  const auto mass = mass_->At(positions_.Columns(carried.position));
  return JoinState(carried.position, mass->Velocity(carried.momentum));
}

HeldControl MechanicalDynamics::Hold(const CarriedState&, const at::Tensor& control) const {
  return network_ ? network_->Hold(ToLanes(control)) : HeldControl{};
}

Hnn::Hnn(const TransitionModelSpec& spec, const ModelWeights& weights)
    : MechanicalDynamics(spec, weights, spec.dynamics.has_force ? "force" : ""),
      potential_(FindLayersOverColumns(spec, weights, "potential"), spec.dynamics.activation) {}

Rates Hnn::Derivative(const CarriedState& carried, const HeldControl& control) const {
  const at::Tensor columns = positions().Columns(carried.position);
  Mlp::Trace trace;
  potential_.Forward(columns, &trace);
  at::Tensor gradient = potential_.InputGradient(trace, columns);
  const MassAtPosition::Kinetic kinetic = mass().At(columns)->Differentiate(carried.momentum);
  if (kinetic.column_gradient.defined()) gradient = gradient.add(kinetic.column_gradient);
  gradient = positions().PullBack(columns, gradient);
  if (!has_network()) return {kinetic.velocity, -gradient};
  return {kinetic.velocity, network().Forward(columns, kinetic.velocity, control).sub_(gradient)};
}

at::Tensor Hnn::PositionRate(const CarriedState& carried, const HeldControl&) const {
  return mass().At(positions().Columns(carried.position))->Velocity(carried.momentum);
}

at::Tensor Hnn::Energy(const CarriedState& carried) const {
  const at::Tensor columns = positions().Columns(carried.position);
  const at::Tensor velocity = mass().At(columns)->Velocity(carried.momentum);
  return potential_.Forward(columns).squeeze(-1).add(carried.momentum.mul(velocity).sum(-1), 0.5);
}

HnnNonseparable::HnnNonseparable(const TransitionModelSpec& spec, const ModelWeights& weights)
    : MechanicalDynamics(spec, weights, spec.dynamics.has_force ? "force" : ""),
      hamiltonian_(FindLayersOverColumns(spec, weights, "hamiltonian"), spec.dynamics.activation) {}

at::Tensor HnnNonseparable::Gradient(const at::Tensor& columns, const at::Tensor& p) const {
  const at::Tensor input = at::cat({columns, p}, -1);
  Mlp::Trace trace;
  hamiltonian_.Forward(input, &trace);
  return hamiltonian_.InputGradient(trace, input);
}

Rates HnnNonseparable::Derivative(const CarriedState& carried, const HeldControl& control) const {
  const int64_t n = carried.position.size(-1);
  const at::Tensor columns = positions().Columns(carried.position);
  const at::Tensor gradient = Gradient(columns, carried.momentum);
  const int64_t width = columns.size(-1);
  const at::Tensor by_position = positions().PullBack(columns, gradient.narrow(-1, 0, width));
  const at::Tensor position_rate = gradient.narrow(-1, width, n);
  if (!has_network()) return {position_rate, -by_position};
  const at::Tensor velocity = mass().At(columns)->Velocity(carried.momentum);
  return {position_rate, network().Forward(columns, velocity, control).sub_(by_position)};
}

at::Tensor HnnNonseparable::PositionRate(const CarriedState& carried, const HeldControl&) const {
  const at::Tensor columns = positions().Columns(carried.position);
  return Gradient(columns, carried.momentum)
      .narrow(-1, columns.size(-1), carried.position.size(-1));
}

at::Tensor HnnNonseparable::Energy(const CarriedState& carried) const {
  const at::Tensor columns = positions().Columns(carried.position);
  return hamiltonian_.Forward(at::cat({columns, carried.momentum}, -1)).squeeze(-1);
}

}  // namespace rollout
