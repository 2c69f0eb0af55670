// A transition model linearised along a rollout, by any engine that computes gradients.
#ifndef ROLLOUT_MODELS_ENGINES_LINEARIZE_H_
#define ROLLOUT_MODELS_ENGINES_LINEARIZE_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout {

// One rollout, z(t + 1) = F(z(t), u(t)), and the Jacobians A(t) = dF/dz and B(t) = dF/du at each
// of its states, row = number of z(t + 1). For E > 1, F(z, u) is the mean over members of the next
// state, all of them starting from the same z: at the states of the mean trajectory, which for
// E > 1 is not itself an iteration of F. The caller has checked finiteness and clipped the
// controls.
struct LinearizeJob {
  int64_t horizon = 0;                           // T >= 1
  absl::Span<const float> initial_state;         // [2n]
  absl::Span<const float> controls;              // [T, nu]
  const std::atomic<bool>* cancelled = nullptr;  // as that of a GradientJob

  absl::Span<float> trajectory;         // [T + 1, 2n]
  absl::Span<float> state_jacobians;    // A [T, 2n, 2n]; NaN where a state is not finite
  absl::Span<float> control_jacobians;  // B [T, 2n, nu]
};

// Rolls out, and then pulls each unit cotangent of every z(t + 1) back through its transition: 2n
// lanes of one transition for each t. All outputs must be given. The errors of Engine::Rollout and
// Engine::Gradient; UNIMPLEMENTED for NODE_RECURRENT, whose next state depends on more than z and
// u. Not at the same time as another call of the engine.
absl::Status Linearize(Engine& engine, const TransitionModelSpec& spec, const LinearizeJob& job);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_LINEARIZE_H_
