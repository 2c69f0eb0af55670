// What a rollout writes: the states and reductions of one lane, transition after transition.
#ifndef ROLLOUT_MODELS_ENGINES_LANE_RECORDER_H_
#define ROLLOUT_MODELS_ENGINES_LANE_RECORDER_H_

#include <cstdint>
#include <vector>

#include "models/engines/rollout_job.h"
#include "models/engines/rollout_objective.h"
#include "models/transition_model.h"

namespace rollout {

// The states of one lane at one time, one for each member: member m's positions are the n numbers
// at positions + m * position_stride, its velocities likewise.
template <typename Scalar>
struct MemberStates {
  const Scalar* positions = nullptr;
  int64_t position_stride = 0;
  const Scalar* velocities = nullptr;
  int64_t velocity_stride = 0;
};

// Follows one lane of one job and writes the outputs that the job wants, as they arise: nothing but
// them is ever stored. Every engine on the CPU uses it. Owned by one thread; allocates only when
// constructed. Values are exact for float and double states; what a caller sees is float32, so a
// double beyond its range counts as non-finite.
class LaneRecorder {
 public:
  // Both outlive the recorder.
  LaneRecorder(const TransitionModelSpec& spec, const RolloutObjective& objective);

  // Begins with lane `lane` of `job`, which must outlive the last Record.
  void Start(const RolloutJob& job, int64_t lane);

  // Takes the states after the next transition: of all members, or of the one that member() named
  // for it. May be left out (Skip) where wants_state() is false.
  template <typename Scalar>
  void Record(const MemberStates<Scalar>& states);
  void Skip() { ++step_; }

  const RolloutJob& job() const { return *job_; }
  int64_t lane() const { return lane_; }
  const float* initial_state() const;
  // Of the next transition.
  const float* controls() const { return Controls(step_); }
  // The one member that computes the next transition, or -1: all do. And that of the one before.
  int member() const { return member_; }
  int last_member() const { return last_member_; }
  // Draws member() for the next transition. To be called once before each.
  void DrawMember();
  bool finished() const { return step_ == job_->horizon; }
  // Whether the next state will be read.
  bool wants_state() const {
    return wants_every_state_ || step_ + 1 == job_->horizon ||
           (wants_rows_ && (step_ + 1) % job_->stride == 0);
  }

 private:
  struct Member {
    double total_return = 0.0;
    bool terminated = false;
  };

  const float* Controls(int64_t step) const;
  double* Previous(int member) { return &previous_[static_cast<size_t>(member * state_size_)]; }
  bool IsOutside(const double* state) const;
  // Mean and, where `spread` is not null, standard deviation over members.
  template <typename Scalar>
  void Write(const MemberStates<Scalar>& states, float* mean, float* spread) const;
  template <typename Scalar>
  void WriteMembers(const MemberStates<Scalar>& states, float* mean, float* spread) const;
  template <typename Scalar>
  void Observe(const MemberStates<Scalar>& states);
  double Reward(int member, bool finite);
  void Finish();

  const TransitionModelSpec* spec_;
  const RolloutObjective* objective_;
  int num_positions_;
  int state_size_;
  std::vector<bool> checked_;  // [2n] dimensions whose data range counts

  const RolloutJob* job_ = nullptr;
  int64_t lane_ = 0;
  int64_t step_ = 0;  // transitions recorded
  int member_ = -1;
  int last_member_ = -1;
  int recorded_members_ = 1;  // states given to Record
  double discount_ = 1.0;     // γ to the power of step_
  bool wants_rows_ = false;
  bool wants_every_state_ = false;
  bool wants_score_ = false;
  int32_t first_non_finite_step_ = 0;
  int32_t first_outside_step_ = 0;
  int32_t terminated_step_ = 0;
  std::vector<Member> members_;
  std::vector<double> previous_;  // [E, 2n], states before the transition being scored
  std::vector<double> next_;      // [2n]
  std::vector<double> control_;   // [nu]
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_LANE_RECORDER_H_
