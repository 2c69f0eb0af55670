// Writes what a caller asked for while an engine walks through a rollout.
#ifndef ROLLOUT_MODELS_ENGINES_ROLLOUT_OUTPUTS_H_
#define ROLLOUT_MODELS_ENGINES_ROLLOUT_OUTPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/engines/engine.h"
#include "models/rewards/reward.h"

namespace rollout {

// The reward and termination functions of a specification; null where it names none. Plain data.
struct RolloutObjective {
  RewardFunction reward = nullptr;
  TerminationFunction termination = nullptr;

  // The errors of FindReward and FindTermination.
  static absl::StatusOr<RolloutObjective> Find(const TransitionModelSpec& spec);
};

// OK, or INVALID_ARGUMENT naming the span whose size contradicts lanes, horizon and `spec`, or the
// output that the model cannot give (returns without a reward).
absl::Status ValidateJob(const RolloutJob& job, const TransitionModelSpec& spec);

// The outputs of one job. Members of an ensemble roll out on their own; reported states, rewards
// and returns are means over members (angles unwrapped), a lane is non-finite or terminated from
// the first step where any member is. A lane that diverges after it terminated keeps its return,
// otherwise its return is NaN. One object per job and rollout, used by one thread.
class RolloutOutputs {
 public:
  // `job` (checked by ValidateJob) and its spans must outlive this object.
  RolloutOutputs(const RolloutJob& job, const TransitionModelSpec& spec,
                 const RolloutObjective& objective);

  // Whether the states after every transition are needed; else only those after the last one.
  bool needs_every_state() const { return needs_every_state_; }

  // The states after transition `step` (0-based): member e of lane b starts at
  // states[e · member_stride + b · 2n]. Steps come in order; all of them, or only the last one
  // where that is enough.
  template <typename Scalar>
  void Write(int64_t step, const Scalar* states, int64_t member_stride);

  // After the last step.
  void Finish();

 private:
  template <typename Scalar>
  void WriteLane(int64_t step, int64_t lane, const Scalar* states, int64_t member_stride);
  template <typename Scalar>
  void ScoreLane(int64_t step, int64_t lane, const Scalar* states, int64_t member_stride);

  const RolloutJob& job_;
  const RolloutObjective& objective_;
  const int64_t members_;
  const int64_t state_size_;
  const int64_t num_controls_;
  const double dt_;
  bool scores_ = false;
  bool needs_every_state_ = false;

  std::vector<int32_t> non_finite_;  // [B] first step, T + 1 = none yet
  // Per member and lane, [E, B]; only where the job asks for rewards, returns or terminations.
  std::vector<double> previous_;         // [E, B, 2n] states before the transition
  std::vector<double> returns_;          // so far
  std::vector<int32_t> terminated_;      // first terminating step, T + 1 = none yet
  std::vector<double> state_, control_;  // one transition's
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ROLLOUT_OUTPUTS_H_
