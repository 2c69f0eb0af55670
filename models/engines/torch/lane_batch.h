// The lanes of several jobs as one batch that lanes join and leave.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/dynamics/dynamics.h"
#include "models/engines/lane_feed.h"
#include "models/engines/lane_recorder.h"
#include "models/engines/rollout_objective.h"

namespace rollout {

// Holds the carried state of every lane under way, ranges of lanes side by side. Ranges join and
// leave between transitions, as wholes: when they have reached their horizon or were cancelled. The
// others close ranks. Lives for one call of Engine::Compute, on the device's thread.
class LaneBatch {
 public:
  // All arguments must outlive the batch.
  LaneBatch(const TransitionModelSpec& spec, const RolloutObjective& objective,
            const Dynamics& dynamics, const at::TensorOptions& options)
      : spec_(spec), objective_(objective), dynamics_(dynamics), options_(options) {}

  // Enters `ranges` at their initial states.
  void Join(const std::vector<LaneRange>& ranges);

  // Drops ranges that have ended or were cancelled, and returns them.
  std::vector<LaneRange> Leave();

  bool empty() const { return entries_.empty(); }
  int64_t lanes() const;

  const CarriedState& carried() const { return carried_; }
  // Of the coming transition, [E, B, nu].
  at::Tensor Controls();
  // Moves on to the states after the transition, and writes what jobs want of them.
  void Advance(CarriedState next);

 private:
  // Lanes of one job that joined together.
  struct Entry {
    LaneRange range;
    int64_t step = 0;     // transitions done
    at::Tensor controls;  // [rows, lanes, nu]
    std::vector<LaneRecorder> recorders;

    const RolloutJob& job() const { return *range.job; }
    bool follows_one_member(const TransitionModelSpec& spec) const {
      return spec.ensemble_size > 1 && job().ensemble != EnsembleUse::kAllMembers;
    }
  };

  CarriedState EnterRange(const LaneRange& range) const;
  // The lanes of one entry, each following the member that it drew: every member goes on from that
  // member's state.
  CarriedState Follow(const Entry& entry, const CarriedState& carried) const;
  void FollowMembers();
  template <typename Scalar>
  void Record(const at::Tensor& states);

  const TransitionModelSpec& spec_;
  const RolloutObjective& objective_;
  const Dynamics& dynamics_;
  const at::TensorOptions options_;
  std::vector<Entry> entries_;  // in the order of their lanes
  CarriedState carried_;        // [E, B, n] or [B, n]
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_LANE_BATCH_H_
