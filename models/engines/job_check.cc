#include "models/engines/job_check.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

absl::Status WrongSize(const char* what, size_t size, const RolloutJob& job, int64_t last) {
  return absl::InvalidArgumentError(
      absl::StrCat("rollout: ", what, " holds ", size, " numbers, which does not fit ", job.lanes,
                   " lanes, horizon ", job.horizon, " and a last dimension of ", last));
}

absl::Status CheckSettings(const RolloutJob& job) {
  if (job.lanes < 1 || job.horizon < 1) {
    return absl::InvalidArgumentError(absl::StrCat("rollout: ", job.lanes, " lanes and horizon ",
                                                   job.horizon, ", expected at least 1 of both"));
  }
  if (job.horizon >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rollout: horizon ", job.horizon, ", expected less than 2^31 - 1"));
  }
  if (job.hold < 1 || job.stride < 1) {
    return absl::InvalidArgumentError(absl::StrCat("rollout: hold ", job.hold, " and stride ",
                                                   job.stride, ", expected at least 1 of both"));
  }
  if (!(job.discount >= 0.0 && job.discount <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rollout: discount ", job.discount, ", expected a number from 0 to 1"));
  }
  return absl::OkStatus();
}

// What the model cannot give.
absl::Status CheckOutputs(const RolloutJob& job, const TransitionModelSpec& spec) {
  const bool wants_rewards =
      !(job.total_return.empty() && job.return_spread.empty() && job.rewards.empty());
  const bool needs_reward =
      job.cost == nullptr ? wants_rewards : wants_rewards && job.cost->add_reward;
  if (needs_reward && spec.reward.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rollout: model ", spec.name, " names no reward, so it has no returns"));
  }
  if (!job.first_outside_step.empty() && spec.data_low.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rollout: model ", spec.name, " does not say what range its data had (data_low)"));
  }
  const bool wants_spread = !(job.trajectory_spread.empty() && job.final_state_spread.empty() &&
                              job.return_spread.empty());
  if (wants_spread && job.ensemble != EnsembleUse::kAllMembers) {
    return absl::InvalidArgumentError(
        "rollout: a lane that follows one member (TS1, TSinf) has no spread");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsProduct(size_t size, int64_t a, int64_t b, int64_t c) {
  int64_t product = 0;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) &&
         static_cast<int64_t>(size) == product;
}

absl::Status ValidateCost(const DiagonalCost& cost, int64_t horizon,
                          const TransitionModelSpec& spec) {
  const int64_t state = spec.state_size();
  const auto check = [&](const char* name, absl::Span<const float> values, int64_t size) {
    if (values.empty() || static_cast<int64_t>(values.size()) == size) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("cost.", name, " holds ", values.size(),
                                                   " numbers, expected ", size, " or none"));
  };
  for (const absl::Status& status :
       {check("state", cost.state, state), check("control", cost.control, spec.num_controls),
        check("control_change", cost.control_change, spec.num_controls),
        check("terminal", cost.terminal, state),
        check("last_control", cost.last_control, spec.num_controls)}) {
    if (!status.ok()) return status;
  }
  if (!cost.reference.empty() && static_cast<int64_t>(cost.reference.size()) != state &&
      !IsProduct(cost.reference.size(), horizon + 1, state, 1)) {
    return absl::InvalidArgumentError(absl::StrCat("cost.reference holds ", cost.reference.size(),
                                                   " numbers, expected ", state, " or ",
                                                   horizon + 1, " times as many, or none"));
  }
  return absl::OkStatus();
}

absl::Status ValidateJob(const RolloutJob& job, const TransitionModelSpec& spec) {
  if (absl::Status status = CheckSettings(job); !status.ok()) return status;
  const int64_t state = spec.state_size();
  if (!IsProduct(job.initial_states.size(), 1, 1, state) &&
      !IsProduct(job.initial_states.size(), job.lanes, 1, state)) {
    return WrongSize("initial_states", job.initial_states.size(), job, state);
  }
  if (!IsProduct(job.controls.size(), job.lanes, ControlRows(job.horizon, job.hold),
                 spec.num_controls)) {
    return WrongSize("controls", job.controls.size(), job, spec.num_controls);
  }
  const auto check = [&](const char* name, size_t size, int64_t steps, int64_t last) {
    if (size == 0 || IsProduct(size, job.lanes, steps, last)) return absl::OkStatus();
    return WrongSize(name, size, job, last);
  };
  const int64_t rows = TrajectoryRows(job.horizon, job.stride);
  for (const absl::Status& status :
       {check("trajectory", job.trajectory.size(), rows, state),
        check("trajectory_spread", job.trajectory_spread.size(), rows, state),
        check("final_state", job.final_state.size(), 1, state),
        check("final_state_spread", job.final_state_spread.size(), 1, state),
        check("total_return", job.total_return.size(), 1, 1),
        check("return_spread", job.return_spread.size(), 1, 1),
        check("rewards", job.rewards.size(), job.horizon, 1),
        check("terminated_step", job.terminated_step.size(), 1, 1),
        check("first_non_finite_step", job.first_non_finite_step.size(), 1, 1),
        check("first_outside_step", job.first_outside_step.size(), 1, 1)}) {
    if (!status.ok()) return status;
  }
  if (job.cost != nullptr) {
    if (absl::Status status = ValidateCost(*job.cost, job.horizon, spec); !status.ok()) {
      return status;
    }
  }
  return CheckOutputs(job, spec);
}

}  // namespace rollout
