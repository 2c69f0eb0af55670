#include "models/engines/lane_recorder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "models/engines/member_draw.h"

namespace rollout {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// As float32. NaN and the infinities are what has all exponent bits set; without branches it
// vectorises.
template <typename Scalar>
bool AllFinite(const Scalar* values, int size) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t any_bad = 0;
  for (int i = 0; i < size; ++i) {
    any_bad |= (std::bit_cast<uint32_t>(static_cast<float>(values[i])) & kExponent) == kExponent;
  }
  return any_bad == 0;
}

float Mean(double sum, int count) { return static_cast<float>(sum / static_cast<double>(count)); }

// Population standard deviation of count values around their mean.
template <typename Value>
float Spread(int count, double mean, Value value) {
  double squares = 0.0;
  for (int m = 0; m < count; ++m) {
    const double difference = value(m) - mean;
    squares += difference * difference;
  }
  return static_cast<float>(std::sqrt(squares / static_cast<double>(count)));
}

// Whether `angle` plus some number of turns lies in [low, high].
bool AngleWithin(double angle, double low, double high) {
  constexpr double kTurn = 6.283185307179586;
  const double from_middle = std::remainder(angle - (low + high) / 2, kTurn);
  return std::abs(from_middle) <= (high - low) / 2;
}

}  // namespace

LaneRecorder::LaneRecorder(const TransitionModelSpec& spec, const RolloutObjective& objective)
    : spec_(&spec),
      objective_(&objective),
      num_positions_(spec.num_positions),
      state_size_(spec.state_size()),
      checked_(static_cast<size_t>(spec.state_size()), true),
      members_(static_cast<size_t>(spec.ensemble_size)),
      previous_(static_cast<size_t>(spec.ensemble_size) * static_cast<size_t>(spec.state_size())),
      next_(static_cast<size_t>(spec.state_size())),
      control_(static_cast<size_t>(spec.num_controls)) {
  for (const int ignored : spec.ignored_positions) checked_[static_cast<size_t>(ignored)] = false;
}

const float* LaneRecorder::initial_state() const {
  const bool shared = static_cast<int64_t>(job_->initial_states.size()) == state_size_;
  return job_->initial_states.data() + (shared ? 0 : lane_ * state_size_);
}

const float* LaneRecorder::Controls(int64_t step) const {
  const int64_t rows = ControlRows(job_->horizon, job_->hold);
  return job_->controls.data() + (lane_ * rows + step / job_->hold) * spec_->num_controls;
}

void LaneRecorder::Start(const RolloutJob& job, int64_t lane) {
  job_ = &job;
  lane_ = lane;
  step_ = 0;
  discount_ = 1.0;
  member_ = -1;
  recorded_members_ =
      job.ensemble == EnsembleUse::kAllMembers ? static_cast<int>(members_.size()) : 1;
  wants_rows_ = !(job.trajectory.empty() && job.trajectory_spread.empty());
  wants_score_ = !(job.total_return.empty() && job.return_spread.empty() && job.rewards.empty() &&
                   job.terminated_step.empty());
  wants_every_state_ =
      wants_score_ || !job.first_non_finite_step.empty() || !job.first_outside_step.empty();
  const int32_t never = static_cast<int32_t>(job.horizon + 1);
  first_non_finite_step_ = never;
  first_outside_step_ = never;
  terminated_step_ = never;
  const float* initial = initial_state();
  if (wants_score_ || !job.first_outside_step.empty()) {
    std::copy_n(initial, state_size_, Previous(0));
    if (!job.first_outside_step.empty() && IsOutside(Previous(0))) first_outside_step_ = 0;
    for (int m = 0; m < recorded_members_; ++m) {
      if (m > 0) std::copy_n(Previous(0), state_size_, Previous(m));
      members_[static_cast<size_t>(m)] = Member();
    }
  }
  const int64_t first_row = lane * TrajectoryRows(job.horizon, job.stride) * state_size_;
  if (!job.trajectory.empty()) {
    std::copy_n(initial, state_size_, job.trajectory.data() + first_row);
  }
  if (!job.trajectory_spread.empty()) {
    std::fill_n(job.trajectory_spread.data() + first_row, state_size_, 0.0f);
  }
}

void LaneRecorder::DrawMember() {
  if (job_->ensemble == EnsembleUse::kAllMembers) return;
  last_member_ = member_;
  if (job_->ensemble == EnsembleUse::kTsInf && step_ > 0) return;
  member_ = rollout::DrawMember(job_->seed, lane_, step_, static_cast<int>(members_.size()));
}

bool LaneRecorder::IsOutside(const double* state) const {
  size_t next_angle = 0;
  for (size_t i = 0; i < static_cast<size_t>(state_size_); ++i) {
    const bool angular = next_angle < spec_->angular_positions.size() &&
                         i == static_cast<size_t>(spec_->angular_positions[next_angle]);
    if (angular) ++next_angle;
    if (!checked_[i]) continue;
    const double low = static_cast<double>(spec_->data_low[i]);
    const double high = static_cast<double>(spec_->data_high[i]);
    const bool within =
        angular ? AngleWithin(state[i], low, high) : state[i] >= low && state[i] <= high;
    if (!within) return true;
  }
  return false;
}

template <typename Scalar>
void LaneRecorder::Write(const MemberStates<Scalar>& states, float* mean, float* spread) const {
  if (recorded_members_ > 1) return WriteMembers(states, mean, spread);
  const auto as_float = [](Scalar value) { return static_cast<float>(value); };
  if (mean != nullptr) {
    const int n = num_positions_;
    std::transform(states.positions, states.positions + n, mean, as_float);
    std::transform(states.velocities, states.velocities + (state_size_ - n), mean + n, as_float);
  }
  if (spread != nullptr) std::fill_n(spread, state_size_, 0.0f);
}

template <typename Scalar>
void LaneRecorder::WriteMembers(const MemberStates<Scalar>& states, float* mean,
                                float* spread) const {
  const int n = num_positions_;
  const int members = recorded_members_;
  for (int i = 0; i < state_size_; ++i) {
    const Scalar* values = i < n ? states.positions + i : states.velocities + (i - n);
    const int64_t stride = i < n ? states.position_stride : states.velocity_stride;
    const auto value = [&](int m) { return static_cast<double>(values[m * stride]); };
    double sum = 0.0;
    for (int m = 0; m < members; ++m) sum += value(m);
    if (mean != nullptr) mean[i] = Mean(sum, members);
    if (spread != nullptr) spread[i] = Spread(members, sum / members, value);
  }
}

template <typename Scalar>
void LaneRecorder::Record(const MemberStates<Scalar>& states) {
  const RolloutJob& job = *job_;
  const int64_t index = step_ + 1;  // of the states recorded now
  const auto out = [&](absl::Span<float> output, int64_t row) {
    return output.empty() ? nullptr : output.data() + row * state_size_;
  };
  if (wants_rows_ && index % job.stride == 0) {
    const int64_t row = lane_ * TrajectoryRows(job.horizon, job.stride) + index / job.stride;
    Write(states, out(job.trajectory, row), out(job.trajectory_spread, row));
  }
  const bool last = index == job.horizon;
  if (last && !(job.final_state.empty() && job.final_state_spread.empty())) {
    Write(states, out(job.final_state, lane_), out(job.final_state_spread, lane_));
  }
  if (wants_every_state_) Observe(states);
  ++step_;
  if (last) Finish();
}

template <typename Scalar>
void LaneRecorder::Observe(const MemberStates<Scalar>& states) {
  const int n = num_positions_;
  const int32_t index = static_cast<int32_t>(step_ + 1);
  const bool wants_outside = !job_->first_outside_step.empty() && index < first_outside_step_;
  if (wants_score_) std::copy_n(controls(), control_.size(), control_.begin());
  double rewards = 0.0;
  for (int m = 0; m < recorded_members_; ++m) {
    const Scalar* q = states.positions + m * states.position_stride;
    const Scalar* v = states.velocities + m * states.velocity_stride;
    const bool finite = AllFinite(q, n) && AllFinite(v, n);
    if (!finite) first_non_finite_step_ = std::min(first_non_finite_step_, index);
    const bool scores = wants_score_ && !members_[static_cast<size_t>(m)].terminated;
    if (!scores && !wants_outside) continue;
    std::copy_n(q, n, next_.begin());
    std::copy_n(v, n, next_.begin() + n);
    if (wants_outside && IsOutside(next_.data())) first_outside_step_ = index;
    if (scores) rewards += Reward(m, finite);
  }
  if (!job_->rewards.empty()) {
    job_->rewards[static_cast<size_t>(lane_ * job_->horizon + step_)] =
        Mean(rewards, recorded_members_);
  }
  discount_ *= job_->discount;
}

// Scores the transition of `member` into next_.
double LaneRecorder::Reward(int member, bool finite) {
  Member& scored = members_[static_cast<size_t>(member)];
  const size_t size = static_cast<size_t>(state_size_);
  const TransitionView transition{absl::MakeConstSpan(Previous(member), size), control_, next_,
                                  spec_->transition_dt};
  double reward = 0.0;
  if (!finite) {
    reward = kNaN;  // a lane that diverges before it has terminated has no return
  } else {
    const bool named = job_->cost == nullptr || job_->cost->add_reward;
    if (named && objective_->reward != nullptr) reward = objective_->reward(transition);
    if (job_->cost != nullptr) {
      const float* last =
          job_->cost->last_control.empty() ? nullptr : job_->cost->last_control.data();
      const float* before = step_ == 0 ? last : Controls(step_ - 1);
      reward -= TransitionCost(*job_->cost, *spec_,
                               {step_, job_->horizon, controls(), before, next_.data()});
    }
  }
  scored.total_return += discount_ * reward;
  if (objective_->termination != nullptr && objective_->termination(transition)) {
    scored.terminated = true;
    terminated_step_ = std::min(terminated_step_, static_cast<int32_t>(step_ + 1));
  }
  std::copy(next_.begin(), next_.end(), Previous(member));
  return reward;
}

void LaneRecorder::Finish() {
  const size_t lane = static_cast<size_t>(lane_);
  if (wants_score_) {
    double sum = 0.0;
    for (int m = 0; m < recorded_members_; ++m) {
      sum += members_[static_cast<size_t>(m)].total_return;
    }
    if (!job_->total_return.empty()) job_->total_return[lane] = Mean(sum, recorded_members_);
    if (!job_->return_spread.empty()) {
      job_->return_spread[lane] = Spread(recorded_members_, sum / recorded_members_, [&](int m) {
        return members_[static_cast<size_t>(m)].total_return;
      });
    }
  }
  if (!job_->terminated_step.empty()) job_->terminated_step[lane] = terminated_step_;
  if (!job_->first_non_finite_step.empty()) {
    job_->first_non_finite_step[lane] = first_non_finite_step_;
  }
  if (!job_->first_outside_step.empty()) job_->first_outside_step[lane] = first_outside_step_;
}

template void LaneRecorder::Record<float>(const MemberStates<float>&);
template void LaneRecorder::Record<double>(const MemberStates<double>&);

}  // namespace rollout
