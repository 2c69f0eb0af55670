// The lanes of several jobs as one batch that shrinks as jobs end.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "models/dynamics/dynamics.h"
#include "models/engines/engine.h"
#include "models/engines/rollout_outputs.h"

namespace rollout {

// Holds the carried state of every lane still under way, jobs side by side. Lanes leave together
// with their job, between transitions, when it has reached its horizon or was cancelled; those that
// stay close ranks. Lives for one call of Engine::Rollout, on the device's thread.
class LaneBatch {
 public:
  // Enters every job at its initial states. All arguments must outlive the batch.
  LaneBatch(absl::Span<const RolloutJob> jobs, const TransitionModelSpec& spec,
            const RolloutObjective& objective, const Dynamics& dynamics,
            const at::TensorOptions& options);

  // Drops jobs that have ended or were cancelled; false when none is left.
  bool KeepUnfinished();
  int64_t lanes() const;

  const CarriedState& carried() const { return carried_; }
  // Of the coming transition, [E, B, nu].
  at::Tensor Controls() const;
  // Moves on to the states after the transition, and writes what jobs want of them.
  void Advance(CarriedState next);

 private:
  struct Member {
    const RolloutJob* job;
    at::Tensor controls;  // [T, B, nu]
    std::unique_ptr<RolloutOutputs> outputs;
  };

  template <typename Scalar>
  void Write(const at::Tensor& states);

  const TransitionModelSpec& spec_;
  const Dynamics& dynamics_;
  std::vector<Member> members_;  // jobs under way, in the order of their lanes
  CarriedState carried_;         // [E, B, n] or [B, n]
  int64_t step_ = 0;             // transitions done
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_
