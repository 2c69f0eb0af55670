// Turns dynamics into transitions.
#ifndef ROLLOUT_MODELS_INTEGRATORS_INTEGRATOR_H_
#define ROLLOUT_MODELS_INTEGRATORS_INTEGRATOR_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/dynamics/dynamics.h"
#include "models/transition_model.h"

namespace rollout {

// Carries states over one transition of `transition_dt` seconds under a held control. Made from a
// specification, immutable, used by any number of threads; nothing in it remembers a rollout.
// Autograd passes through every method that takes fixed steps.
class Integrator {
 public:
  virtual ~Integrator() = default;

  // z(t) → z(t + transition_dt), every lane on its own. A lane that diverges, or for which an
  // adaptive method gives up, becomes non-finite and leaves its neighbours alone. The memory, where
  // there is one, is that of `control` afterwards.
  virtual CarriedState Transition(const Dynamics& dynamics, const CarriedState& start,
                                  const HeldControl& control) const = 0;
};

// The integrator that `spec` names. INVALID_ARGUMENT for a method that does not exist; that the
// method fits the kind of dynamics is ValidateSpec's to check.
absl::StatusOr<std::unique_ptr<Integrator>> MakeIntegrator(const IntegratorSpec& spec,
                                                           double transition_dt);

// Whether a method must compute in float64 to reach its default tolerances (its dynamics' weights
// are to be float64 then).
bool NeedsFloat64(IntegratorMethod method);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_INTEGRATOR_H_
