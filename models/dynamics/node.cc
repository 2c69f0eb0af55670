#include "models/dynamics/node.h"

#include "models/dynamics/lanes.h"

namespace rollout {

Node::Node(const TransitionModelSpec& spec, const ModelWeights& weights)
    : num_positions_(spec.num_positions),
      positions_(spec, weights.entries().front().value.options()),
      network_(spec, weights, "mlp") {}

CarriedState Node::Enter(const at::Tensor& state) const { return SplitState(state); }

at::Tensor Node::Leave(const CarriedState& carried) const {
  return JoinState(carried.position, carried.momentum);
}

HeldControl Node::Hold(const CarriedState&, const at::Tensor& control) const {
  return network_.Hold(ToLanes(control));
}

Rates Node::Derivative(const CarriedState& carried, const HeldControl& control) const {
  const at::Tensor rate =
      network_.Forward(positions_.Columns(carried.position), carried.momentum, control);
  return {rate.narrow(-1, 0, num_positions_), rate.narrow(-1, num_positions_, num_positions_)};
}

SecondOrderNode::SecondOrderNode(const TransitionModelSpec& spec, const ModelWeights& weights)
    : positions_(spec, weights.entries().front().value.options()), network_(spec, weights, "mlp") {}

CarriedState SecondOrderNode::Enter(const at::Tensor& state) const { return SplitState(state); }

at::Tensor SecondOrderNode::Leave(const CarriedState& carried) const {
  return JoinState(carried.position, carried.momentum);
}

HeldControl SecondOrderNode::Hold(const CarriedState&, const at::Tensor& control) const {
  return network_.Hold(ToLanes(control));
}

Rates SecondOrderNode::Derivative(const CarriedState& carried, const HeldControl& control) const {
  return {carried.momentum, MomentumRate(carried, control)};
}

at::Tensor SecondOrderNode::PositionRate(const CarriedState& carried, const HeldControl&) const {
  return carried.momentum;
}

at::Tensor SecondOrderNode::MomentumRate(const CarriedState& carried,
                                         const HeldControl& control) const {
  return network_.Forward(positions_.Columns(carried.position), carried.momentum, control);
}

}  // namespace rollout
