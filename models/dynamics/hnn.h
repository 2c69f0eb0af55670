// Hamiltonian neural networks over generalised coordinates.
#ifndef ROLLOUT_MODELS_DYNAMICS_HNN_H_
#define ROLLOUT_MODELS_DYNAMICS_HNN_H_

#include <memory>
#include <optional>

#include "models/dynamics/dynamics.h"
#include "models/dynamics/mass.h"
#include "models/dynamics/normalised_network.h"

namespace rollout {

// What the kinds with a mass share: (q, p) is carried, p = M(q) v on entry, v = Minv(q) p on leave,
// and perhaps a learned force (none = the control is ignored).
class MechanicalDynamics : public Dynamics {
 public:
  CarriedState Enter(const at::Tensor& state) const override;
  at::Tensor Leave(const CarriedState& carried) const override;
  HeldControl Hold(const CarriedState& start, const at::Tensor& control) const override;

 protected:
  // `network`: what the normalisers belong to; empty = none.
  MechanicalDynamics(const TransitionModelSpec& spec, const ModelWeights& weights,
                     const std::string& network);

  const PositionColumns& positions() const { return positions_; }
  const Mass& mass() const { return *mass_; }
  bool has_network() const { return network_.has_value(); }
  const NormalisedNetwork& network() const { return *network_; }

 private:
  PositionColumns positions_;
  std::unique_ptr<Mass> mass_;
  std::optional<NormalisedNetwork> network_;
};

// H = V(f(q)) + ½ p' Minv(q) p; dq = Minv(q) p; dp = −∂H/∂q + force, where
// force = output.std ⊙ force(norm(f(q), v, u)) + output.mean with v = Minv(q) p.
// Without force: Gruver et al., ICLR 2022, section 4 (HNN with a learned mass), after Greydanus et
// al., NeurIPS 2019. With force: the variant of SymODEN in Gruver et al.'s code; Zhong et al.
// (Symplectic ODE-Net, ICLR 2020) have g(q) u in its place.
class Hnn : public MechanicalDynamics {
 public:
  Hnn(const TransitionModelSpec& spec, const ModelWeights& weights);

  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor PositionRate(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor Energy(const CarriedState& carried) const override;

 private:
  Mlp potential_;
};

// The same with H = hamiltonian(f(q), p), not separable: dq = ∂H/∂p, dp = −∂H/∂q + force. The mass
// serves to translate between v and p alone, so v = Minv(q) p differs from dq/dt.
class HnnNonseparable : public MechanicalDynamics {
 public:
  HnnNonseparable(const TransitionModelSpec& spec, const ModelWeights& weights);

  Rates Derivative(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor PositionRate(const CarriedState& carried, const HeldControl& control) const override;
  at::Tensor Energy(const CarriedState& carried) const override;

 private:
  // [∂H/∂columns, ∂H/∂p] at (columns, p).
  at::Tensor Gradient(const at::Tensor& columns, const at::Tensor& p) const;

  Mlp hamiltonian_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_HNN_H_
