// How well a Hamiltonian model keeps its own energy.
#ifndef ROLLOUT_MODELS_EVALUATION_ENERGY_DRIFT_H_
#define ROLLOUT_MODELS_EVALUATION_ENERGY_DRIFT_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout {

// Rollouts to measure on: initial states [B, 2n] and controls [B, T, nu] within the model's bounds.
struct DriftStarts {
  int64_t lanes = 0;
  int64_t horizon = 0;
  absl::Span<const float> initial_states;
  absl::Span<const float> controls;
  // Of all lanes together; the rollouts are cut shorter than the horizon to keep to it. An energy
  // costs some 100 us where a layer is 128 wide.
  int64_t max_substeps = 8192;
};

struct EnergyDrift {
  double worst = 0.0;  // infinite where a state or an energy is not finite
  int member = 0;      // where it is
  int64_t lane = 0;
  int64_t step = 0;             // transitions after the start
  double initial_spread = 0.0;  // standard deviation of H over the initial states, of that member
};

// max over time of |H(z_t) - H(z_0)| / standard deviation of H over the initial states, the largest
// over lanes and ensemble members. Where the model has a force, its work is taken off: |H(z_t) -
// H(z_0) - sum h v . force|, by the trapezoidal rule over substeps, so that what is left is the
// integrator's. A learned H has an arbitrary constant, therefore nothing is divided by H itself.
//
// `make_engine` gives an engine for a member of the ensemble that reports every substep; its errors
// are returned. INVALID_ARGUMENT for a kind without an energy; FAILED_PRECONDITION where the
// initial states are fewer than two or all have one energy, so that there is no scale.
absl::StatusOr<EnergyDrift> MeasureEnergyDrift(
    const TransitionModel& model, const DriftStarts& starts,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Engine>>(const TransitionModel&)> make_engine);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_ENERGY_DRIFT_H_
