// What a caller asks an engine to differentiate.
#ifndef ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_H_
#define ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_H_

#include <atomic>
#include <cstdint>

#include "absl/types/span.h"
#include "models/engines/rollout_job.h"

namespace rollout {

// The gradient of one number per lane, with respect to the lane's controls and initial state. That
// number is the sum of what is given: trajectory_cotangents . trajectory, final_state_cotangents .
// final state, and the return (of_return); at least one of them. For E > 1, trajectory and return
// are means over members, as in a RolloutJob.
//
// The caller has checked finiteness and clipped the controls; the gradient is with respect to the
// controls as the engine got them, so that whoever clipped passes it through the clip
// (ZeroGradientOfClipped). A lane's return stops at its termination, of each member on its own, and
// so does its gradient. A lane that is not finite where it counts has NaN for all its gradients,
// alone - but in the sum over lanes that share one initial state. Spans must stay valid during
// Engine::Gradient.
struct GradientJob {
  int64_t lanes = 0;                       // B >= 1
  int64_t horizon = 0;                     // T >= 1
  absl::Span<const float> initial_states;  // [S, 2n], S = 1 (shared by all lanes) or B
  absl::Span<const float> controls;        // [B, T, nu]
  // Polled between transitions; outputs are then undefined.
  const std::atomic<bool>* cancelled = nullptr;

  absl::Span<const float> trajectory_cotangents;   // [B, T + 1, 2n] or empty
  absl::Span<const float> final_state_cotangents;  // [B, 2n] or empty
  bool of_return = false;                          // of the named reward, or of `cost`
  const DiagonalCost* cost = nullptr;              // instead of the named reward
  double discount = 1.0;                           // of the return, in (0, 1]

  // An empty output span means "not wanted".
  absl::Span<float> controls_gradient;        // [B, T, nu]
  absl::Span<float> initial_state_gradient;   // [S, 2n], the sum over lanes where S = 1
  absl::Span<float> total_return;             // [B], with of_return: the value
  absl::Span<float> final_state;              // [B, 2n]
  absl::Span<int32_t> first_non_finite_step;  // [B], T + 1 where all is finite
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_GRADIENT_JOB_H_
