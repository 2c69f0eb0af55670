// The number that a gradient is taken of, as a function of one lane's states and controls.
#ifndef ROLLOUT_MODELS_ENGINES_LANE_OBJECTIVE_H_
#define ROLLOUT_MODELS_ENGINES_LANE_OBJECTIVE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "models/engines/gradient_job.h"
#include "models/engines/rollout_objective.h"
#include "models/rewards/reward.h"
#include "models/transition_model.h"

namespace rollout {

// The reward, its derivatives, and the termination of a specification; null where it names none.
// Plain data.
struct DifferentiableReward {
  RewardFunction reward = nullptr;
  RewardGradientFunction gradient = nullptr;
  TerminationFunction termination = nullptr;

  // The errors of FindReward and FindTermination.
  static absl::StatusOr<DifferentiableReward> Find(const TransitionModelSpec& spec);
};

// Follows one lane of one ensemble member: forward it adds up the return and finds where the lane
// terminates or diverges; on the way back it gives what each transition adds to the cotangents of
// its states and control. Everything but the return is already divided by the number of members.
// Owned by one thread; allocates only when constructed.
class LaneObjective {
 public:
  // `spec` outlives the objective.
  LaneObjective(const TransitionModelSpec& spec, const DifferentiableReward& reward);

  // Begins with lane `lane` of `job`, which must outlive the last call.
  void Start(const GradientJob& job, int64_t lane);

  // Forward, for every step t = 0, 1, ... in order: z(t) and z(t + 1), [2n] each.
  void Observe(int64_t step, const float* state, const float* next_state);

  double total_return() const { return total_return_; }
  // T + 1 where all states are finite.
  int32_t first_non_finite_step() const { return first_non_finite_step_; }
  // Transitions that count: T, or up to and with the terminating one where nothing but the return
  // is differentiated.
  int64_t counted_steps() const { return counted_steps_; }
  // A state that counts is not finite: there is no gradient.
  bool diverged() const { return first_non_finite_step_ <= counted_steps_; }

  // Back, after the last Observe, for any step < counted_steps(): adds what transition `step`
  // contributes to the cotangents of z(step) and z(step + 1) [2n] and of the lane's controls
  // [T, nu]; those given for z(step + 1) in the job are part of the second.
  void AddCotangents(int64_t step, const float* state, const float* next_state,
                     float* state_cotangent, float* next_state_cotangent,
                     float* control_cotangents);
  // Adds the cotangents given for z(0).
  void AddInitialCotangents(float* cotangent) const;

 private:
  const float* Control(int64_t step) const;
  bool scores_reward() const { return job_->cost == nullptr || job_->cost->add_reward; }
  CostedTransition Costed(int64_t step) const;
  void AddRewardCotangents(int64_t step, const TransitionView& transition, double weight,
                           float* state_cotangent, float* next_state_cotangent,
                           float* control_cotangents);
  // z(t), u and z(t + 1) in float64.
  TransitionView View(int64_t step, const float* state, const float* next_state);

  const TransitionModelSpec* spec_;
  const int64_t state_size_;
  const int64_t num_controls_;
  const double dt_;
  const double member_weight_;  // 1 / E
  const DifferentiableReward reward_;
  const GradientJob* job_ = nullptr;
  int64_t lane_ = 0;
  double discount_ = 1.0;  // to the power of the step under way
  double total_return_ = 0.0;
  bool terminated_ = false;
  int32_t first_non_finite_step_ = 0;
  int64_t terminated_step_ = 0;  // index of the first terminating state, T + 1 if none
  int64_t counted_steps_ = 0;
  std::vector<double> state_, control_, next_state_;
  std::vector<double> by_state_, by_control_, by_next_state_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_LANE_OBJECTIVE_H_
