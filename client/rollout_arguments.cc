#include "client/rollout_arguments.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "client/tensor.h"

namespace rollout {

absl::Status FillRequest(const RolloutArguments& arguments, v1::RolloutRequest* request) {
  if (arguments.lanes < 1 || arguments.horizon < 1 || arguments.num_initial_states < 1 ||
      arguments.lanes > std::numeric_limits<int64_t>::max() / arguments.horizon) {
    return absl::InvalidArgumentError(absl::StrCat(
        "arguments: lanes ", arguments.lanes, ", horizon ", arguments.horizon,
        ", num_initial_states ", arguments.num_initial_states, ": expected at least 1"));
  }
  const int64_t num_states = static_cast<int64_t>(arguments.initial_states.size());
  if (num_states == 0 || num_states % arguments.num_initial_states != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "arguments: initial_states has ", num_states, " numbers, expected a multiple of ",
        arguments.num_initial_states, " (num_initial_states)"));
  }
  const int64_t num_controls = static_cast<int64_t>(arguments.controls.size());
  const int64_t num_steps = arguments.lanes * arguments.horizon;
  if (num_controls % num_steps != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "arguments: controls has ", num_controls, " numbers, expected a multiple of ", num_steps,
        " (", arguments.lanes, " lanes x ", arguments.horizon, " transitions)"));
  }
  request->set_model(arguments.model);
  request->set_version(arguments.version);
  request->set_label(arguments.label);
  request->set_id(arguments.id);
  FillTensor(arguments.initial_states,
             {arguments.num_initial_states, num_states / arguments.num_initial_states},
             request->mutable_initial_states());
  FillTensor(arguments.controls, {arguments.lanes, arguments.horizon, num_controls / num_steps},
             request->mutable_controls());
  v1::RolloutOutputs* outputs = request->mutable_outputs();
  outputs->set_trajectory(arguments.outputs.trajectory);
  outputs->set_stride(arguments.outputs.stride);
  outputs->set_final_state(arguments.outputs.final_state);
  outputs->set_total_return(arguments.outputs.total_return);
  outputs->set_rewards(arguments.outputs.rewards);
  outputs->set_terminated_step(arguments.outputs.terminated_step);
  outputs->set_first_non_finite_step(arguments.outputs.first_non_finite_step);
  request->set_clip_controls(arguments.clip_controls);
  return absl::OkStatus();
}

}  // namespace rollout
