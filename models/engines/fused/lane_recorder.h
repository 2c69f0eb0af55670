// What a rollout writes: the states and reductions of one lane, transition after transition.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_LANE_RECORDER_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_LANE_RECORDER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/rewards/reward.h"

namespace rollout::fused {

// How transitions of the model are scored.
struct Scoring {
  RewardFunction reward = nullptr;            // nullptr: the model names none
  TerminationFunction termination = nullptr;  // nullptr: never terminates
  double dt = 0.0;                            // seconds
};

// Follows one lane of one job and writes the outputs that the job wants, all ensemble members
// together: reported states are the arithmetic mean over members, the return is the mean of the
// members' returns, each with its own termination, and a lane counts as non-finite or terminated
// from the first step where any member is. Owned by one thread; allocates only when constructed.
class LaneRecorder {
 public:
  LaneRecorder(int num_positions, int num_controls, int members, const Scoring& scoring);

  // Begins with lane `lane` of `job`, which must outlive the last Record.
  void Start(const RolloutJob& job, int64_t lane);

  // Takes the next state of every member: `positions` and `velocities` point to n numbers each,
  // those of each further member a stride further on.
  void Record(const float* positions, int64_t position_stride, const float* velocities,
              int64_t velocity_stride);

  const RolloutJob& job() const { return *job_; }
  const float* initial_state() const;
  const float* controls() const;  // of the next transition
  bool finished() const { return step_ == job_->horizon; }
  bool is_last_transition() const { return step_ + 1 == job_->horizon; }
  // Whether the velocities of the next state will be read.
  bool wants_velocities() const { return wants_every_state_ || is_last_transition(); }

 private:
  struct Member {
    std::vector<double> state;  // of the transition being scored
    double total_return = 0.0;
    bool terminated = false;
  };

  void WriteState(const float* positions, int64_t position_stride, const float* velocities,
                  int64_t velocity_stride, float* out) const;
  // Checks and scores the transition of every member into the state at hand.
  void Score(const float* positions, int64_t position_stride, const float* velocities,
             int64_t velocity_stride);
  void Finish();

  int num_positions_;
  int num_controls_;
  Scoring scoring_;
  const RolloutJob* job_ = nullptr;
  int64_t lane_ = 0;
  int64_t step_ = 0;  // transitions recorded
  bool wants_every_state_ = false;
  bool wants_score_ = false;
  int32_t first_non_finite_step_ = 0;
  int32_t terminated_step_ = 0;
  std::vector<Member> members_;
  std::vector<double> next_state_;
  std::vector<double> control_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_LANE_RECORDER_H_
