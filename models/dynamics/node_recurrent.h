// A neural ordinary differential equation with a memory.
#ifndef ROLLOUT_MODELS_DYNAMICS_NODE_RECURRENT_H_
#define ROLLOUT_MODELS_DYNAMICS_NODE_RECURRENT_H_

#include <memory>

#include "models/dynamics/dynamics.h"
#include "models/dynamics/mlp.h"
#include "models/dynamics/normalised_network.h"
#include "models/dynamics/position_columns.h"

namespace rollout {

// [dq, dv] = output.std ⊙ mlp(norm(f(q), v, u), m) + output.mean, where the memory m moves once a
// transition, before its substeps, and is held over them: with x = norm(f(q), v, u) at the
// transition's start,
//   r = sigmoid(W_r x + a_r + U_r m + b_r),  s = sigmoid(W_s x + a_s + U_s m + b_s),
//   c = tanh(W_c x + a_c + r ⊙ (U_c m + b_c)),  m' = (1 - s) ⊙ c + s ⊙ m:
// a gated recurrent unit (Cho et al., EMNLP 2014, with the reset gate where PyTorch's GRUCell has
// it). "gru.input.weight" is [W_r; W_s; W_c], "gru.memory.weight" is [U_r; U_s; U_c], the biases
// likewise. A rollout begins with m = 0. The memory jumps only where the control does, so that an
// integrator keeps its order within a transition (as in ODE-RNN, Rubanova et al., NeurIPS 2019); in
// the code of Gruver et al. it moves with every evaluation.
class RecurrentNode : public Dynamics {
 public:
  RecurrentNode(const TransitionModelSpec& spec, const ModelWeights& weights);

  CarriedState Enter(const at::Tensor& state) const override;
  at::Tensor Leave(const CarriedState& carried) const override;
  HeldControl Hold(const CarriedState& start, const at::Tensor& control) const override;
  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;

 private:
  at::Tensor NextMemory(const CarriedState& start, const at::Tensor& lanes_control) const;

  int64_t num_positions_;
  int64_t memory_size_;
  PositionColumns positions_;
  NormalisedNetwork network_;  // without the columns of the memory
  Linear network_memory_;      // those columns
  NormalisedNetwork gates_;    // W norm(x) + a
  Linear gates_memory_;        // U m + b
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_NODE_RECURRENT_H_
