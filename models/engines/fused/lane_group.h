// Lanes that are computed together on one thread, and how they are refilled.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/lane_recorder.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/fused/transition_kernel.h"

namespace rollout::fused {

// The lanes of all jobs of one call, handed out one by one to the groups of several threads.
struct LaneQueue {
  absl::Span<const RolloutJob> jobs;
  std::atomic<int64_t> next{0};  // counts through the lanes of all jobs
};

// Takes lanes from a queue and rolls them out side by side; a lane that has reached its horizon
// (or was cancelled) is replaced by a waiting one between two transitions. Owned and used by one
// thread; holds all the memory it needs from construction on. `model` must outlive it.
class LaneGroup {
 public:
  LaneGroup(const FusedModel& model, const Scoring& scoring,
            std::unique_ptr<TransitionKernel> kernel, int max_lanes);

  // Computes until the queue is empty, at most `lanes` (<= max_lanes) at a time.
  void Run(LaneQueue& queue, int lanes);

 private:
  // The next lane of the queue that is not cancelled; nullptr when there is none.
  const RolloutJob* Take(LaneQueue& queue, int64_t& lane);
  bool StartLane(LaneQueue& queue, int slot);
  void SetInitialState(const float* initial, int slot);
  void MoveLane(int from, int to);
  void AdvanceAll();

  float* State(int member, int slot);
  float* Residual(int member, int slot);
  float* Velocity(int member, int slot);

  const FusedModel& model_;
  const int max_lanes_;
  const int members_;
  std::unique_ptr<TransitionKernel> kernel_;
  std::vector<ScalarDynamics<double>> entry_dynamics_;  // [E] with a learned mass
  std::vector<LaneRecorder> recorders_;                 // [max_lanes]
  int active_ = 0;                                      // lanes under way: slots 0 .. active - 1
  std::vector<float> states_, residuals_;               // [E, max_lanes, 2n]
  std::vector<float> velocities_;                       // [E, max_lanes, n]
  std::vector<const float*> controls_;                  // [max_lanes]

  // Where Take stands; its indices only grow during one call.
  size_t job_index_ = 0;
  int64_t job_first_ = 0;

  // The initial state that entry_momenta_ belongs to: lanes often share one.
  const float* entry_state_ = nullptr;
  std::vector<double> entry_momenta_;  // [E, n]
  std::vector<double> entry_q_, entry_v_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_
