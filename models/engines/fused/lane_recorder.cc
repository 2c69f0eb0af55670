#include "models/engines/fused/lane_recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rollout::fused {

LaneRecorder::LaneRecorder(int num_positions, int num_controls, int members, const Scoring& scoring)
    : num_positions_(num_positions),
      num_controls_(num_controls),
      scoring_(scoring),
      members_(members),
      next_state_(2 * num_positions),
      control_(num_controls) {
  for (Member& member : members_) member.state.resize(2 * num_positions);
}

const float* LaneRecorder::initial_state() const {
  const int64_t size = 2 * num_positions_;
  const bool shared = static_cast<int64_t>(job_->initial_states.size()) == size;
  return job_->initial_states.data() + (shared ? 0 : lane_ * size);
}

const float* LaneRecorder::controls() const {
  return job_->controls.data() + (lane_ * job_->horizon + step_) * num_controls_;
}

void LaneRecorder::Start(const RolloutJob& job, int64_t lane) {
  job_ = &job;
  lane_ = lane;
  step_ = 0;
  wants_score_ = !job.total_return.empty() || !job.rewards.empty() || !job.terminated_step.empty();
  wants_every_state_ =
      wants_score_ || !job.trajectory.empty() || !job.first_non_finite_step.empty();
  first_non_finite_step_ = static_cast<int32_t>(job.horizon + 1);
  terminated_step_ = static_cast<int32_t>(job.horizon + 1);
  const float* initial = initial_state();
  for (Member& member : members_) {
    member.total_return = 0.0;
    member.terminated = false;
    std::copy_n(initial, member.state.size(), member.state.begin());
  }
  if (!job.trajectory.empty()) {
    std::copy_n(initial, 2 * num_positions_,
                job.trajectory.data() + lane * (job.horizon + 1) * 2 * num_positions_);
  }
}

void LaneRecorder::WriteState(const float* positions, int64_t position_stride,
                              const float* velocities, int64_t velocity_stride, float* out) const {
  const size_t members = members_.size();
  for (int i = 0; i < num_positions_; ++i) {
    if (members == 1) {
      out[i] = positions[i];
      out[num_positions_ + i] = velocities[i];
      continue;
    }
    double position = 0.0;
    double velocity = 0.0;
    for (size_t m = 0; m < members; ++m) {
      position += positions[static_cast<int64_t>(m) * position_stride + i];
      velocity += velocities[static_cast<int64_t>(m) * velocity_stride + i];
    }
    out[i] = static_cast<float>(position / static_cast<double>(members));
    out[num_positions_ + i] = static_cast<float>(velocity / static_cast<double>(members));
  }
}

void LaneRecorder::Record(const float* positions, int64_t position_stride, const float* velocities,
                          int64_t velocity_stride) {
  const int n = num_positions_;
  const int32_t index = static_cast<int32_t>(step_ + 1);  // of the state recorded now
  const bool is_last = is_last_transition();
  if (!job_->trajectory.empty()) {
    WriteState(positions, position_stride, velocities, velocity_stride,
               job_->trajectory.data() + (lane_ * (job_->horizon + 1) + index) * 2 * n);
  }
  if (is_last && !job_->final_state.empty()) {
    WriteState(positions, position_stride, velocities, velocity_stride,
               job_->final_state.data() + lane_ * 2 * n);
  }
  if (wants_every_state_) Score(positions, position_stride, velocities, velocity_stride);
  ++step_;
  if (is_last) Finish();
}

void LaneRecorder::Score(const float* positions, int64_t position_stride, const float* velocities,
                         int64_t velocity_stride) {
  const int n = num_positions_;
  const int32_t index = static_cast<int32_t>(step_ + 1);
  std::copy_n(controls(), num_controls_, control_.begin());
  double rewards = 0.0;
  for (size_t m = 0; m < members_.size(); ++m) {
    Member& member = members_[m];
    const float* q = positions + static_cast<int64_t>(m) * position_stride;
    const float* v = velocities + static_cast<int64_t>(m) * velocity_stride;
    std::copy_n(q, n, next_state_.begin());
    std::copy_n(v, n, next_state_.begin() + n);
    const bool finite = std::all_of(next_state_.begin(), next_state_.end(),
                                    [](double value) { return std::isfinite(value); });
    if (!finite) first_non_finite_step_ = std::min(first_non_finite_step_, index);
    if (wants_score_ && !member.terminated) {
      const TransitionView transition{member.state, control_, next_state_, scoring_.dt};
      // A lane that diverges before it has terminated has no return.
      const double reward = !finite                      ? std::numeric_limits<double>::quiet_NaN()
                            : scoring_.reward != nullptr ? scoring_.reward(transition)
                                                         : 0.0;
      member.total_return += reward;
      rewards += reward;
      if (scoring_.termination != nullptr && scoring_.termination(transition)) {
        member.terminated = true;
        terminated_step_ = std::min(terminated_step_, index);
      }
      std::swap(member.state, next_state_);
    }
  }
  if (!job_->rewards.empty()) {
    job_->rewards[lane_ * job_->horizon + step_] =
        static_cast<float>(rewards / static_cast<double>(members_.size()));
  }
}

void LaneRecorder::Finish() {
  if (!job_->total_return.empty()) {
    double sum = 0.0;
    for (const Member& member : members_) sum += member.total_return;
    job_->total_return[lane_] = static_cast<float>(sum / static_cast<double>(members_.size()));
  }
  if (!job_->first_non_finite_step.empty()) {
    job_->first_non_finite_step[lane_] = first_non_finite_step_;
  }
  if (!job_->terminated_step.empty()) job_->terminated_step[lane_] = terminated_step_;
}

}  // namespace rollout::fused
