// The jobs of one call, side by side in the memory that a device copies from.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_JOB_BATCH_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_JOB_BATCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "models/engines/cuda/tile_device.h"
#include "models/engines/engine.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/rollout_outputs.h"

namespace rollout::cuda {

// The jobs that are not cancelled yet, those of the longest horizon first. Lives for one call of
// Engine::Rollout, on its thread; everything it is given must outlive it.
class JobBatch {
 public:
  JobBatch(absl::Span<const RolloutJob* const> jobs, const TransitionModelSpec& spec,
           const RolloutObjective& objective);

  bool empty() const { return members_.empty(); }
  int64_t lanes() const { return lanes_; }
  int64_t horizon() const { return members_.front().job->horizon; }
  bool wants_every_state() const { return wants_every_state_; }

  // Of everything but the states.
  BatchSizes Sizes() const;

  // Writes the batch's inputs. `entry` (one per ensemble member; empty without a learned mass)
  // turns velocities into momenta, in float64: Minv is badly conditioned where a mass is light.
  void Fill(absl::Span<fused::ScalarDynamics<double>> entry, const BatchInputs& inputs) const;

  // Tells the device which callers have gone.
  void WatchCancellation(const BatchInputs& inputs) const;

  // Hands the states of a segment to the jobs' outputs. Segments come in order.
  void Write(const Segment& segment, absl::Span<const float> states);
  // After the last segment.
  void Finish();

 private:
  struct Member {
    const RolloutJob* job;
    int64_t first_lane;
    std::unique_ptr<RolloutOutputs> outputs;
  };

  const TransitionModelSpec& spec_;
  std::vector<Member> members_;
  int64_t lanes_ = 0;
  int64_t controls_ = 0;
  bool wants_every_state_ = false;
};

// Whether the caller of `job` has gone.
bool IsCancelled(const RolloutJob& job);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_JOB_BATCH_H_
