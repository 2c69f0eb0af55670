// dz/dt of one lane, written as the formulas read. The vector kernels are tested against it, and
// the engine itself uses it in float64 for the one solve p = M(q) v at the start of a rollout.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_H_

#include <vector>

#include "absl/types/span.h"
#include "models/engines/fused/fused_model.h"

namespace rollout::fused {

// One member's dynamics of (q, p) under a control u. Kinds without a mass carry v in place of p.
// Real is float or double. Owned by one thread, which may call everything; the model must outlive
// it. Allocates only in the constructor.
template <typename Real>
class ScalarDynamics {
 public:
  ScalarDynamics(const FusedModel& model, int member);

  // q, p, dq, dp: [n]; u: [nu].
  void Rates(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<const float> u,
             absl::Span<Real> dq, absl::Span<Real> dp);

  // dq alone. Not for NODE, whose two halves come out of one network.
  void PositionRate(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<Real> dq);

  // dp alone. Not for NODE.
  void MomentumRate(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<const float> u,
                    absl::Span<Real> dp);

  // v = Minv(q) p; p itself where the kind has no learned mass.
  void Velocity(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<Real> v);

  // p = M(q) v, by Cholesky's decomposition of Minv(q).
  void Momentum(absl::Span<const Real> q, absl::Span<const Real> v, absl::Span<Real> p);

 private:
  // The activations of every layer of one network, kept for the way back.
  struct Tape {
    std::vector<std::vector<Real>> inputs;          // of each layer
    std::vector<std::vector<Real>> preactivations;  // of each layer
  };

  static Tape MakeTape(const Network& network);
  // The network's outputs; they stay valid until the next call with this tape.
  const std::vector<Real>& Forward(const Network& network, absl::Span<const Real> inputs,
                                   Tape& tape);
  // Adds to `gradient` [inputs] the gradient of outputs . cotangents at the inputs of the last
  // Forward with this tape.
  void AddInputGradient(const Network& network, const Tape& tape, absl::Span<const Real> cotangents,
                        std::vector<Real>& gradient);

  void Features(absl::Span<const Real> q);
  // Fills triangle_ (L, row by row) and factor_momentum_ = L' p at q.
  void MassFactor(absl::Span<const Real> q, absl::Span<const Real> p);
  void MlpOutputs(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<const float> u);
  void AddNegativeHamiltonianGradient(absl::Span<const Real> q, absl::Span<const Real> p,
                                      absl::Span<Real> dp);

  const FusedModel& model_;
  const MemberNetworks& networks_;
  Tape mlp_tape_, potential_tape_, mass_tape_;
  std::vector<Real> features_;          // f(q)
  std::vector<Real> mlp_inputs_;        // norm(f(q), v or p, u)
  std::vector<Real> mlp_outputs_;       // output.std * mlp + output.mean
  std::vector<Real> triangle_;          // L
  std::vector<Real> factor_momentum_;   // L' p
  std::vector<Real> velocity_;          // Minv p
  std::vector<Real> mass_cotangents_;   // of the mass network's outputs
  std::vector<Real> feature_gradient_;  // of H
  std::vector<Real> cotangents_, next_cotangents_;
};

extern template class ScalarDynamics<float>;
extern template class ScalarDynamics<double>;

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_H_
