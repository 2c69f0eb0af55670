// The lanes of one batch, side by side in the memory that a device copies from.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_RANGE_BATCH_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_RANGE_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "models/engines/cuda/tile_device.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/lane_feed.h"
#include "models/engines/lane_recorder.h"

namespace rollout::cuda {

// Ranges of lanes, those of the longest horizon first. Lives for one batch of Engine::Compute, on
// its thread; everything it is given must outlive it.
class RangeBatch {
 public:
  // `recorders` are kept between batches, and made where there are too few.
  RangeBatch(std::vector<LaneRange> ranges, const TransitionModelSpec& spec,
             const RolloutObjective& objective, std::vector<LaneRecorder>* recorders);

  int64_t lanes() const { return lanes_; }
  int64_t horizon() const { return ranges_.front().job->horizon; }
  // Whether somebody wants more than the last state.
  bool wants_every_state() const { return wants_every_state_; }

  // Of everything but the states.
  BatchSizes Sizes() const;

  // Writes the batch's inputs. `entry` (one per ensemble member; empty without a learned mass)
  // turns velocities into momenta, in float64: Minv is badly conditioned where a mass is light.
  void Fill(absl::Span<fused::ScalarDynamics<double>> entry, const BatchInputs& inputs) const;

  // Tells the device which callers have gone.
  void WatchCancellation(const BatchInputs& inputs) const;

  // Hands the states of a segment to the lanes' recorders. Segments come in order.
  void Record(const Segment& segment, absl::Span<const float> states);

 private:
  const TransitionModelSpec& spec_;
  std::vector<LaneRange> ranges_;
  std::vector<LaneRecorder>& recorders_;  // of the batch's lanes
  int64_t lanes_ = 0;
  int64_t controls_ = 0;  // numbers
  bool wants_every_state_ = false;
};

// Whether the caller of `job` has gone.
bool IsCancelled(const RolloutJob& job);

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_RANGE_BATCH_H_
