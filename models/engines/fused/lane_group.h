// Lanes that are computed together on one thread, and how they are refilled.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/fused/thread_pool.h"
#include "models/engines/fused/transition_kernel.h"
#include "models/engines/lane_feed.h"
#include "models/engines/lane_recorder.h"

namespace rollout::fused {

// What the groups of one engine know of each other during one call.
struct LaneSharing {
  ThreadPool* pool = nullptr;
  std::atomic<int64_t> under_way{0};  // lanes of all groups
};

// Takes lanes from a feed and rolls them out side by side; a lane that has reached its horizon or
// was cancelled is replaced by a waiting one between two transitions. Owned and used by one thread;
// holds all the memory it needs from construction on. `model`, `spec` and `objective` must outlive
// it.
class LaneGroup {
 public:
  LaneGroup(const FusedModel& model, const TransitionModelSpec& spec,
            const RolloutObjective& objective, std::unique_ptr<TransitionKernel> kernel,
            int max_lanes);

  // Computes until the feed has nothing for it and its own lanes are done. Leaves other threads
  // their share of what waits, and summons them to it, where there is enough to be worth it.
  void Run(LaneFeed& feed, LaneSharing& sharing);

 private:
  void Refill(LaneFeed& feed, LaneSharing& sharing);
  // How many lanes this group should hold while `waiting` wait.
  int Share(int64_t waiting, const LaneSharing& sharing) const;
  bool WorthSharing(int64_t lanes) const;
  void StartLane(const RolloutJob& job, int64_t lane);
  void Release(LaneFeed& feed, LaneSharing& sharing);
  void MoveLane(int from, int to);

  void AdvanceAll();
  void AdvanceTogether(bool wants_velocities);
  // Some lanes follow one member only: every member's lanes are gathered, advanced, put back.
  void AdvanceApart(bool wants_velocities);
  // Lane `slot` goes on as a lane of `member`, with that member's momentum for its velocity.
  void FollowMember(int slot, int member);
  void FindEntryMomenta(const float* initial);
  void SetMomentum(const double* momentum, float* state, float* residual);

  float* State(int member, int slot);
  float* Residual(int member, int slot);
  float* Velocity(int member, int slot);

  const FusedModel& model_;
  const int max_lanes_;
  const int members_;
  const double transition_flops_;
  std::unique_ptr<TransitionKernel> kernel_;
  std::vector<ScalarDynamics<double>> entry_dynamics_;  // [E] with a learned mass
  std::vector<LaneRecorder> recorders_;                 // [max_lanes]
  int active_ = 0;                                      // lanes under way: slots 0 .. active - 1
  int64_t last_horizon_ = 1;                            // of the lane started last

  // A lane that follows one member at a time stands in row 0.
  std::vector<float> states_, residuals_;  // [E, max_lanes, 2n]
  std::vector<float> velocities_;          // [E, max_lanes, n]
  std::vector<const float*> controls_;     // [max_lanes]
  std::vector<int> followed_;              // [max_lanes] the member whose momentum row 0 holds
  std::vector<float> gathered_states_, gathered_residuals_, gathered_velocities_;  // of one member
  std::vector<const float*> gathered_controls_;
  std::vector<int> gathered_slots_;

  // The initial state that entry_momenta_ belongs to: lanes and requests often share one.
  bool has_entry_ = false;
  std::vector<float> entry_state_;     // [2n]
  std::vector<double> entry_momenta_;  // [E, n]
  std::vector<double> entry_q_, entry_v_, followed_momentum_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_LANE_GROUP_H_
