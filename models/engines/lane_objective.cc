#include "models/engines/lane_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rollout {

absl::StatusOr<DifferentiableReward> DifferentiableReward::Find(const TransitionModelSpec& spec) {
  DifferentiableReward found;
  if (!spec.reward.empty()) {
    auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
    if (!reward.ok()) return reward.status();
    found.reward = *reward;
    auto gradient = FindRewardGradient(spec.reward, spec.num_positions, spec.num_controls);
    if (!gradient.ok()) return gradient.status();
    found.gradient = *gradient;
  }
  if (!spec.termination.empty()) {
    auto termination = FindTermination(spec.termination, spec.num_positions, spec.num_controls);
    if (!termination.ok()) return termination.status();
    found.termination = *termination;
  }
  return found;
}

LaneObjective::LaneObjective(const TransitionModelSpec& spec, const DifferentiableReward& reward)
    : spec_(&spec),
      state_size_(spec.state_size()),
      num_controls_(spec.num_controls),
      dt_(spec.transition_dt),
      member_weight_(1.0 / spec.ensemble_size),
      reward_(reward),
      state_(state_size_),
      control_(num_controls_),
      next_state_(state_size_),
      by_state_(state_size_),
      by_control_(num_controls_),
      by_next_state_(state_size_) {}

void LaneObjective::Start(const GradientJob& job, int64_t lane) {
  job_ = &job;
  lane_ = lane;
  discount_ = 1.0;
  total_return_ = 0.0;
  terminated_ = false;
  first_non_finite_step_ = static_cast<int32_t>(job.horizon + 1);
  counted_steps_ = job.horizon;
}

const float* LaneObjective::Control(int64_t step) const {
  return job_->controls.data() + (lane_ * job_->horizon + step) * num_controls_;
}

TransitionView LaneObjective::View(int64_t step, const float* state, const float* next_state) {
  std::copy_n(state, state_size_, state_.begin());
  std::copy_n(Control(step), num_controls_, control_.begin());
  std::copy_n(next_state, state_size_, next_state_.begin());
  return {state_, control_, next_state_, dt_};
}

void LaneObjective::Observe(int64_t step, const float* state, const float* next_state) {
  const bool finite = std::all_of(next_state, next_state + state_size_,
                                  [](float value) { return std::isfinite(value); });
  if (!finite) {
    first_non_finite_step_ = std::min(first_non_finite_step_, static_cast<int32_t>(step + 1));
  }
  if (!job_->of_return || terminated_) return;
  const TransitionView transition = View(step, state, next_state);
  // A lane that diverges before it has terminated has no return.
  double reward = 0.0;
  if (scores_reward()) reward += reward_.reward(transition);
  if (job_->cost != nullptr) reward -= TransitionCost(*job_->cost, *spec_, Costed(step));
  total_return_ += finite ? discount_ * reward : std::numeric_limits<double>::quiet_NaN();
  discount_ *= job_->discount;
  if (reward_.termination == nullptr || !reward_.termination(transition)) return;
  terminated_ = true;
  terminated_step_ = step + 1;
  if (job_->trajectory_cotangents.empty() && job_->final_state_cotangents.empty()) {
    counted_steps_ = step + 1;
  }
}

void LaneObjective::AddCotangents(int64_t step, const float* state, const float* next_state,
                                  float* state_cotangent, float* next_state_cotangent,
                                  float* control_cotangents) {
  const auto add = [this](const float* given, float* cotangent) {
    for (int64_t i = 0; i < state_size_; ++i) {
      cotangent[i] += static_cast<float>(member_weight_ * given[i]);
    }
  };
  if (!job_->trajectory_cotangents.empty()) {
    add(job_->trajectory_cotangents.data() + (lane_ * (job_->horizon + 1) + step + 1) * state_size_,
        next_state_cotangent);
  }
  if (!job_->final_state_cotangents.empty() && step + 1 == job_->horizon) {
    add(job_->final_state_cotangents.data() + lane_ * state_size_, next_state_cotangent);
  }
  if (!job_->of_return || (terminated_ && step >= terminated_step_)) return;
  const TransitionView transition = View(step, state, next_state);
  const double weight = member_weight_ * std::pow(job_->discount, static_cast<double>(step));
  if (scores_reward()) {
    AddRewardCotangents(step, transition, weight, state_cotangent, next_state_cotangent,
                        control_cotangents);
  }
  if (job_->cost != nullptr) {
    float* control = control_cotangents + step * num_controls_;
    AddNegativeCostGradient(*job_->cost, *spec_, Costed(step), weight, control,
                            step == 0 ? nullptr : control - num_controls_, next_state_cotangent);
  }
}

void LaneObjective::AddRewardCotangents(int64_t step, const TransitionView& transition,
                                        double weight, float* state_cotangent,
                                        float* next_state_cotangent, float* control_cotangents) {
  for (auto* values : {&by_state_, &by_control_, &by_next_state_}) {
    std::fill(values->begin(), values->end(), 0.0);
  }
  reward_.gradient(transition, {absl::MakeSpan(by_state_), absl::MakeSpan(by_control_),
                                absl::MakeSpan(by_next_state_)});
  for (int64_t i = 0; i < state_size_; ++i) {
    state_cotangent[i] += static_cast<float>(weight * by_state_[i]);
    next_state_cotangent[i] += static_cast<float>(weight * by_next_state_[i]);
  }
  float* control = control_cotangents + step * num_controls_;
  for (int64_t i = 0; i < num_controls_; ++i) {
    control[i] += static_cast<float>(weight * by_control_[i]);
  }
}

// Of the transition last viewed.
CostedTransition LaneObjective::Costed(int64_t step) const {
  const float* last = job_->cost->last_control.empty() ? nullptr : job_->cost->last_control.data();
  return {step, job_->horizon, Control(step), step == 0 ? last : Control(step - 1),
          next_state_.data()};
}

void LaneObjective::AddInitialCotangents(float* cotangent) const {
  if (job_->trajectory_cotangents.empty()) return;
  const float* given =
      job_->trajectory_cotangents.data() + lane_ * (job_->horizon + 1) * state_size_;
  for (int64_t i = 0; i < state_size_; ++i) {
    cotangent[i] += static_cast<float>(member_weight_ * given[i]);
  }
}

}  // namespace rollout
