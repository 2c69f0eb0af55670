#include "models/engines/rollout_outputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Whether `size` is the product of three extents (which may overflow 64 bits).
bool IsProduct(size_t size, int64_t a, int64_t b, int64_t c) {
  int64_t product = 0;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) &&
         static_cast<int64_t>(size) == product;
}

absl::Status WrongSize(const char* what, size_t size, const RolloutJob& job, int64_t last) {
  return absl::InvalidArgumentError(
      absl::StrCat("rollout: ", what, " holds ", size, " numbers, which does not fit ", job.lanes,
                   " lanes, horizon ", job.horizon, " and a last dimension of ", last));
}

// As float32, which is what callers see: a float64 beyond its range counts as non-finite.
template <typename Scalar>
bool AllFinite(const Scalar* values, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    if (!std::isfinite(static_cast<float>(values[i]))) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<RolloutObjective> RolloutObjective::Find(const TransitionModelSpec& spec) {
  RolloutObjective objective;
  if (!spec.reward.empty()) {
    auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
    if (!reward.ok()) return reward.status();
    objective.reward = *reward;
  }
  if (!spec.termination.empty()) {
    auto termination = FindTermination(spec.termination, spec.num_positions, spec.num_controls);
    if (!termination.ok()) return termination.status();
    objective.termination = *termination;
  }
  return objective;
}

absl::Status ValidateJob(const RolloutJob& job, const TransitionModelSpec& spec) {
  const int64_t state = spec.state_size();
  if (job.lanes < 1 || job.horizon < 1) {
    return absl::InvalidArgumentError(absl::StrCat("rollout: ", job.lanes, " lanes and horizon ",
                                                   job.horizon, ", expected at least 1 of both"));
  }
  if (job.horizon >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rollout: horizon ", job.horizon, ", expected less than 2^31 - 1"));
  }
  if (!IsProduct(job.initial_states.size(), 1, 1, state) &&
      !IsProduct(job.initial_states.size(), job.lanes, 1, state)) {
    return WrongSize("initial_states", job.initial_states.size(), job, state);
  }
  if (!IsProduct(job.controls.size(), job.lanes, job.horizon, spec.num_controls)) {
    return WrongSize("controls", job.controls.size(), job, spec.num_controls);
  }
  const auto check = [&](const char* name, size_t size, int64_t steps, int64_t last) {
    if (size == 0 || IsProduct(size, job.lanes, steps, last)) return absl::OkStatus();
    return WrongSize(name, size, job, last);
  };
  for (const absl::Status& status :
       {check("trajectory", job.trajectory.size(), job.horizon + 1, state),
        check("final_state", job.final_state.size(), 1, state),
        check("total_return", job.total_return.size(), 1, 1),
        check("rewards", job.rewards.size(), job.horizon, 1),
        check("terminated_step", job.terminated_step.size(), 1, 1),
        check("first_non_finite_step", job.first_non_finite_step.size(), 1, 1)}) {
    if (!status.ok()) return status;
  }
  if (spec.reward.empty() && !(job.total_return.empty() && job.rewards.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat("rollout: model ", spec.name, " names no reward, so it has no returns"));
  }
  return absl::OkStatus();
}

RolloutOutputs::RolloutOutputs(const RolloutJob& job, const TransitionModelSpec& spec,
                               const RolloutObjective& objective)
    : job_(job),
      objective_(objective),
      members_(spec.ensemble_size),
      state_size_(spec.state_size()),
      num_controls_(spec.num_controls),
      dt_(spec.transition_dt) {
  scores_ = !(job.total_return.empty() && job.rewards.empty() && job.terminated_step.empty());
  needs_every_state_ = scores_ || !job.trajectory.empty() || !job.first_non_finite_step.empty();
  const bool shared = static_cast<int64_t>(job.initial_states.size()) == state_size_;
  const auto initial = [&](int64_t lane) {
    return job.initial_states.data() + (shared ? 0 : lane * state_size_);
  };
  if (!job.trajectory.empty()) {
    for (int64_t lane = 0; lane < job.lanes; ++lane) {
      std::copy_n(initial(lane), state_size_,
                  job.trajectory.data() + lane * (job.horizon + 1) * state_size_);
    }
  }
  const int32_t never = static_cast<int32_t>(job.horizon + 1);
  if (scores_ || !job.first_non_finite_step.empty()) {
    non_finite_.assign(static_cast<size_t>(job.lanes), never);
  }
  if (!scores_) return;
  const size_t size = static_cast<size_t>(members_ * job.lanes);
  previous_.resize(size * static_cast<size_t>(state_size_));
  for (int64_t e = 0; e < members_; ++e) {
    for (int64_t lane = 0; lane < job.lanes; ++lane) {
      std::copy_n(initial(lane), state_size_,
                  previous_.data() + (e * job.lanes + lane) * state_size_);
    }
  }
  returns_.assign(size, 0.0);
  terminated_.assign(size, never);
  state_.resize(static_cast<size_t>(state_size_));
  control_.resize(static_cast<size_t>(num_controls_));
  if (!job.rewards.empty()) std::fill(job.rewards.begin(), job.rewards.end(), 0.0f);
}

template <typename Scalar>
void RolloutOutputs::Write(int64_t step, const Scalar* states, int64_t member_stride) {
  for (int64_t lane = 0; lane < job_.lanes; ++lane) {
    const Scalar* lane_states = states + lane * state_size_;
    WriteLane(step, lane, lane_states, member_stride);
    if (scores_) ScoreLane(step, lane, lane_states, member_stride);
  }
}

template <typename Scalar>
void RolloutOutputs::WriteLane(int64_t step, int64_t lane, const Scalar* states,
                               int64_t member_stride) {
  if (!non_finite_.empty() && non_finite_[static_cast<size_t>(lane)] > job_.horizon) {
    for (int64_t e = 0; e < members_; ++e) {
      if (!AllFinite(states + e * member_stride, state_size_)) {
        non_finite_[static_cast<size_t>(lane)] = static_cast<int32_t>(step + 1);
      }
    }
  }
  const bool last = step + 1 == job_.horizon && !job_.final_state.empty();
  float* trajectory =
      job_.trajectory.empty()
          ? nullptr
          : job_.trajectory.data() + (lane * (job_.horizon + 1) + step + 1) * state_size_;
  float* final_state = last ? job_.final_state.data() + lane * state_size_ : nullptr;
  if (trajectory == nullptr && final_state == nullptr) return;
  for (int64_t i = 0; i < state_size_; ++i) {
    double sum = 0.0;
    for (int64_t e = 0; e < members_; ++e)
      sum += static_cast<double>(states[e * member_stride + i]);
    const float mean = static_cast<float>(sum / static_cast<double>(members_));
    if (trajectory != nullptr) trajectory[i] = mean;
    if (final_state != nullptr) final_state[i] = mean;
  }
}

template <typename Scalar>
void RolloutOutputs::ScoreLane(int64_t step, int64_t lane, const Scalar* states,
                               int64_t member_stride) {
  const float* control = job_.controls.data() + (lane * job_.horizon + step) * num_controls_;
  std::copy_n(control, num_controls_, control_.data());
  double reward_sum = 0.0;
  for (int64_t e = 0; e < members_; ++e) {
    const size_t index = static_cast<size_t>(e * job_.lanes + lane);
    if (terminated_[index] <= job_.horizon) continue;
    std::copy_n(states + e * member_stride, state_size_, state_.data());
    double* previous = previous_.data() + index * static_cast<size_t>(state_size_);
    const TransitionView transition{absl::MakeConstSpan(previous, state_.size()), control_, state_,
                                    dt_};
    if (objective_.reward != nullptr) {
      const bool finite = AllFinite(state_.data(), state_size_);
      const double reward = finite ? objective_.reward(transition) : kNaN;
      reward_sum += reward;
      returns_[index] += reward;
    }
    if (objective_.termination != nullptr && objective_.termination(transition)) {
      terminated_[index] = static_cast<int32_t>(step + 1);
    }
    std::copy(state_.begin(), state_.end(), previous);
  }
  if (!job_.rewards.empty()) {
    job_.rewards[static_cast<size_t>(lane * job_.horizon + step)] =
        static_cast<float>(reward_sum / static_cast<double>(members_));
  }
}

void RolloutOutputs::Finish() {
  if (!job_.first_non_finite_step.empty()) {
    std::copy(non_finite_.begin(), non_finite_.end(), job_.first_non_finite_step.begin());
  }
  for (int64_t lane = 0; lane < job_.lanes && scores_; ++lane) {
    double sum = 0.0;
    int32_t terminated = static_cast<int32_t>(job_.horizon + 1);
    for (int64_t e = 0; e < members_; ++e) {
      const size_t index = static_cast<size_t>(e * job_.lanes + lane);
      sum += returns_[index];
      terminated = std::min(terminated, terminated_[index]);
    }
    if (!job_.total_return.empty()) {
      job_.total_return[static_cast<size_t>(lane)] =
          static_cast<float>(sum / static_cast<double>(members_));
    }
    if (!job_.terminated_step.empty()) job_.terminated_step[static_cast<size_t>(lane)] = terminated;
  }
}

template void RolloutOutputs::Write<float>(int64_t, const float*, int64_t);
template void RolloutOutputs::Write<double>(int64_t, const double*, int64_t);

}  // namespace rollout
