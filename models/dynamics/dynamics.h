// dz/dt as a function of state and control, with learned weights.
#ifndef ROLLOUT_MODELS_DYNAMICS_DYNAMICS_H_
#define ROLLOUT_MODELS_DYNAMICS_DYNAMICS_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/statusor.h"
#include "models/dynamics/weights.h"
#include "models/transition_model.h"

namespace rollout {

// What integrators carry from step to step: q and, beside it, the velocity v (NODE, NODE_SO) or the
// momentum p (the kinds with a mass or a Hamiltonian). Both [E, B, n], or [B, n] without the
// leading axis when E = 1. NODE_RECURRENT carries a memory [.., B, memory_size] as well, which
// changes between transitions alone; undefined for the others.
struct CarriedState {
  at::Tensor position;
  at::Tensor momentum;
  at::Tensor memory = {};
};

// d/dt of a carried state, of the same shape.
struct Rates {
  at::Tensor position;
  at::Tensor momentum;
};

// The control of one transition, as far as it can be worked into the network before the state is
// known: W u + b of the network's first layer, [E, B, hidden] or [B, hidden]. Undefined where the
// dynamics have no network that sees the control.
struct HeldControl {
  at::Tensor first_layer;
  at::Tensor memory = {};  // what the transition leaves as the memory; undefined without one
};

// The dynamics of all members of an ensemble on a batch of lanes.
//
// Made from weights, immutable, and cheap to make (microseconds: a few products with the
// normalisers), so that training makes a new one after each optimiser step; gradients flow from
// results through everything to the weights, also to the initial state and the control. Derivatives
// of H are written out by formula, so that nothing here needs autograd: all methods work under
// InferenceMode. Any number of threads may use one object.
//
// LibTorch's exceptions (out of memory, a failed launch) pass through; whoever owns a rollout or an
// optimiser step turns them into a Status.
class Dynamics {
 public:
  virtual ~Dynamics() = default;

  // z = [q, v] [E, B, 2n] → what is carried. Once per rollout: kinds with a mass find p = M(q) v
  // here, one linear solve per lane in float64.
  virtual CarriedState Enter(const at::Tensor& state) const = 0;

  // What is carried → z = [q, v] [E, B, 2n], with v = Minv(q) p.
  virtual at::Tensor Leave(const CarriedState& carried) const = 0;

  // u [E, B, nu] → what the other methods take, for as long as u is held: one transition from
  // `start`, which only kinds with a memory look at.
  virtual HeldControl Hold(const CarriedState& start, const at::Tensor& control) const = 0;

  // (dq/dt, dp/dt) at one carried state.
  virtual Rates Derivative(const CarriedState& carried, const HeldControl& control) const = 0;

  // One half of Derivative, for integrators that treat positions and momenta apart. Not for NODE,
  // whose network gives both (ValidateSpec rejects those integrators there).
  virtual at::Tensor PositionRate(const CarriedState& carried, const HeldControl& control) const {
    return Derivative(carried, control).position;
  }
  virtual at::Tensor MomentumRate(const CarriedState& carried, const HeldControl& control) const {
    return Derivative(carried, control).momentum;
  }

  // The learned Hamiltonian H [E, B] (or [B]), up to its arbitrary constant; undefined for kinds
  // without one.
  virtual at::Tensor Energy(const CarriedState&) const { return {}; }
};

// The dynamics that `spec` names. `spec` must be valid; dtype and device are those of the weights.
// INVALID_ARGUMENT where a network or normaliser is missing.
absl::StatusOr<std::unique_ptr<Dynamics>> MakeDynamics(const TransitionModelSpec& spec,
                                                       const ModelWeights& weights);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_DYNAMICS_H_
