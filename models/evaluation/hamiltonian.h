// The energy that a Hamiltonian model has learned, as a function of its state.
#ifndef ROLLOUT_MODELS_EVALUATION_HAMILTONIAN_H_
#define ROLLOUT_MODELS_EVALUATION_HAMILTONIAN_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/transition_model.h"

namespace rollout {

// True for the kinds whose dynamics follow from a learned energy.
bool IsHamiltonian(DynamicsKind kind);

// H and the power of the force of one ensemble member, in float64, for states [q, v] as the server
// reports them ([q, p] for HNN_CANONICAL and PIXEL_HNN):
//   HNN               H = V(f(q)) + p' Minv(q) p / 2, p = M(q) v
//   HNN_NONSEPARABLE  H = hamiltonian(f(q), p)
//   HNN_CANONICAL     H = hamiltonian(q, p)
// H has an arbitrary constant: only differences mean something. Immutable; any thread; it keeps a
// copy of the weights.
class Hamiltonian {
 public:
  // INVALID_ARGUMENT for a kind without an energy or a member that is not in the ensemble.
  static absl::StatusOr<Hamiltonian> Of(const TransitionModel& model, int member);

  // `state` [2n]. Not finite where the state is not.
  double Energy(absl::Span<const double> state) const;

  // v . force(q, v, u), the rate at which controls and friction change H; 0 without a force.
  double Power(absl::Span<const double> state, absl::Span<const float> control) const;

 private:
  struct Layer {
    int inputs = 0;
    int outputs = 0;
    std::vector<float> weight;  // [outputs, inputs]
    std::vector<float> bias;    // [outputs]
  };
  using Network = std::vector<Layer>;

  Hamiltonian() = default;

  static Network ReadNetwork(const TransitionModel& model, const std::string& name, int member);
  std::vector<double> Apply(const Network& network, std::vector<double> values) const;
  std::vector<double> Features(absl::Span<const double> q) const;
  // M(q) v, by Cholesky's decomposition of Minv(q) = L L' + mass_epsilon I.
  std::vector<double> Momentum(absl::Span<const double> q, absl::Span<const double> v) const;

  TransitionModelSpec spec_;
  Network energy_;  // `potential` or `hamiltonian`
  Network mass_;    // empty = identity
  Network force_;   // empty = none
  std::vector<float> input_mean_, input_std_, output_mean_, output_std_;  // of the force
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_HAMILTONIAN_H_
