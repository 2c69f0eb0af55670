#include "models/engines/gradient_job_check.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "models/engines/job_check.h"

namespace rollout {
namespace {

absl::Status WrongSize(const char* what, size_t size, const GradientJob& job, int64_t last) {
  return absl::InvalidArgumentError(
      absl::StrCat("gradient: ", what, " holds ", size, " numbers, which does not fit ", job.lanes,
                   " lanes, horizon ", job.horizon, " and a last dimension of ", last));
}

absl::Status CheckObjective(const GradientJob& job, const TransitionModelSpec& spec) {
  if (!job.of_return && job.trajectory_cotangents.empty() && job.final_state_cotangents.empty()) {
    return absl::InvalidArgumentError(
        "gradient: neither cotangents nor the return are given: there is nothing to differentiate");
  }
  if (!job.of_return && !job.total_return.empty()) {
    return absl::InvalidArgumentError("gradient: total_return is given with of_return only");
  }
  if (!job.of_return && job.cost != nullptr) {
    return absl::InvalidArgumentError("gradient: cost is given without of_return");
  }
  if (job.cost != nullptr) {
    if (absl::Status status = ValidateCost(*job.cost, job.horizon, spec); !status.ok()) {
      return status;
    }
  }
  if (job.of_return && spec.reward.empty() && (job.cost == nullptr || job.cost->add_reward)) {
    return absl::InvalidArgumentError(
        absl::StrCat("gradient: model ", spec.name, " names no reward, so it has no returns"));
  }
  if (!(job.discount > 0.0 && job.discount <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("gradient: discount ", job.discount, ", expected a number in (0, 1]"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateGradientJob(const GradientJob& job, const TransitionModelSpec& spec) {
  const int64_t state = spec.state_size();
  const int64_t nu = spec.num_controls;
  if (job.lanes < 1 || job.horizon < 1) {
    return absl::InvalidArgumentError(absl::StrCat("gradient: ", job.lanes, " lanes and horizon ",
                                                   job.horizon, ", expected at least 1 of both"));
  }
  if (job.horizon >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("gradient: horizon ", job.horizon, ", expected less than 2^31 - 1"));
  }
  const size_t initial = job.initial_states.size();
  if (!IsProduct(initial, 1, 1, state) && !IsProduct(initial, job.lanes, 1, state)) {
    return WrongSize("initial_states", initial, job, state);
  }
  if (!IsProduct(job.controls.size(), job.lanes, job.horizon, nu)) {
    return WrongSize("controls", job.controls.size(), job, nu);
  }
  const size_t by_initial = job.initial_state_gradient.size();
  if (by_initial != 0 && by_initial != initial) {
    return WrongSize("initial_state_gradient", by_initial, job, state);
  }
  const auto check = [&](const char* name, size_t size, int64_t steps, int64_t last) {
    if (size == 0 || IsProduct(size, job.lanes, steps, last)) return absl::OkStatus();
    return WrongSize(name, size, job, last);
  };
  for (const absl::Status& status :
       {check("trajectory_cotangents", job.trajectory_cotangents.size(), job.horizon + 1, state),
        check("final_state_cotangents", job.final_state_cotangents.size(), 1, state),
        check("controls_gradient", job.controls_gradient.size(), job.horizon, nu),
        check("total_return", job.total_return.size(), 1, 1),
        check("final_state", job.final_state.size(), 1, state),
        check("first_non_finite_step", job.first_non_finite_step.size(), 1, 1)}) {
    if (!status.ok()) return status;
  }
  return CheckObjective(job, spec);
}

}  // namespace rollout
