#include "client/rollout_query.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "client/tensor.h"

namespace rollout {

absl::Status FillRequest(const RolloutQuery& query, v1::RolloutRequest* request) {
  if (query.lanes < 1 || query.horizon < 1 || query.num_initial_states < 1 ||
      query.lanes > std::numeric_limits<int64_t>::max() / query.horizon) {
    return absl::InvalidArgumentError(
        absl::StrCat("query: lanes ", query.lanes, ", horizon ", query.horizon,
                     ", num_initial_states ", query.num_initial_states, ": expected at least 1"));
  }
  const int64_t num_states = static_cast<int64_t>(query.initial_states.size());
  if (num_states == 0 || num_states % query.num_initial_states != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("query: initial_states has ", num_states, " numbers, expected a multiple of ",
                     query.num_initial_states, " (num_initial_states)"));
  }
  const int64_t num_controls = static_cast<int64_t>(query.controls.size());
  const int64_t num_steps = query.lanes * query.horizon;
  if (num_controls % num_steps != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("query: controls has ", num_controls, " numbers, expected a multiple of ",
                     num_steps, " (", query.lanes, " lanes x ", query.horizon, " transitions)"));
  }
  request->set_model(query.model);
  request->set_version(query.version);
  request->set_id(query.id);
  FillTensor(query.initial_states,
             {query.num_initial_states, num_states / query.num_initial_states},
             request->mutable_initial_states());
  FillTensor(query.controls, {query.lanes, query.horizon, num_controls / num_steps},
             request->mutable_controls());
  v1::RolloutOutputs* outputs = request->mutable_outputs();
  outputs->set_trajectory(query.outputs.trajectory);
  outputs->set_stride(query.outputs.stride);
  outputs->set_final_state(query.outputs.final_state);
  outputs->set_total_return(query.outputs.total_return);
  outputs->set_rewards(query.outputs.rewards);
  outputs->set_terminated_step(query.outputs.terminated_step);
  outputs->set_first_non_finite_step(query.outputs.first_non_finite_step);
  request->set_clip_controls(query.clip_controls);
  return absl::OkStatus();
}

}  // namespace rollout
