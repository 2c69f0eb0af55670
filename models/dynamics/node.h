// Neural ordinary differential equations: a network gives dz/dt, or its second half.
#ifndef ROLLOUT_MODELS_DYNAMICS_NODE_H_
#define ROLLOUT_MODELS_DYNAMICS_NODE_H_

#include "models/dynamics/dynamics.h"
#include "models/dynamics/normalised_network.h"

namespace rollout {

// [dq, dv] = output.std ⊙ mlp(norm(f(q), v, u)) + output.mean.
// Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018.
class Node : public Dynamics {
 public:
  Node(const TransitionModelSpec& spec, const ModelWeights& weights);

  CarriedState Enter(const at::Tensor& state) const override;
  at::Tensor Leave(const CarriedState& carried) const override;
  HeldControl Hold(const CarriedState& start, const at::Tensor& control) const override;
  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;

 private:
  int64_t num_positions_;
  PositionColumns positions_;
  NormalisedNetwork network_;
};

// dq = v, dv = output.std ⊙ mlp(norm(f(q), v, u)) + output.mean: second-order structure alone.
// Gruver et al., Deconstructing the Inductive Biases of Hamiltonian Neural Networks, ICLR 2022,
// section 4.2 (NODE + SO).
class SecondOrderNode : public Dynamics {
 public:
  SecondOrderNode(const TransitionModelSpec& spec, const ModelWeights& weights);

  CarriedState Enter(const at::Tensor& state) const override;
  at::Tensor Leave(const CarriedState& carried) const override;
  HeldControl Hold(const CarriedState& start, const at::Tensor& control) const override;
  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor PositionRate(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor MomentumRate(const CarriedState& carried, const HeldControl& control) const override;

 private:
  PositionColumns positions_;
  NormalisedNetwork network_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_NODE_H_
