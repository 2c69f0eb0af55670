#include "client/rollout_arguments.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "client/tensor.h"

namespace rollout {
namespace {

void Add(absl::Span<const float> numbers, google::protobuf::RepeatedField<float>* field) {
  field->Add(numbers.begin(), numbers.end());
}

v1::RolloutRequest::Ensemble Message(RolloutEnsemble ensemble) {
  switch (ensemble) {
    case RolloutEnsemble::kTs1:
      return v1::RolloutRequest::TS1;
    case RolloutEnsemble::kTsInf:
      return v1::RolloutRequest::TSINF;
    case RolloutEnsemble::kAllMembers:
      break;
  }
  return v1::RolloutRequest::ALL_MEMBERS;
}

}  // namespace

absl::Status FillCost(const RolloutCost& cost, v1::DiagonalCost* message) {
  Add(cost.state, message->mutable_state());
  Add(cost.control, message->mutable_control());
  Add(cost.control_change, message->mutable_control_change());
  Add(cost.terminal, message->mutable_terminal());
  Add(cost.last_control, message->mutable_last_control());
  message->set_add_reward(cost.add_reward);
  if (cost.reference.empty()) return absl::OkStatus();
  const int64_t numbers = static_cast<int64_t>(cost.reference.size());
  if (cost.reference_rows < 1 || numbers % cost.reference_rows != 0) {
    return absl::InvalidArgumentError(absl::StrCat("arguments: cost.reference has ", numbers,
                                                   " numbers, expected a multiple of ",
                                                   cost.reference_rows, " (reference_rows)"));
  }
  FillTensor(cost.reference, {cost.reference_rows, numbers / cost.reference_rows},
             message->mutable_reference());
  return absl::OkStatus();
}

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
  if (arguments.hold < 1 || arguments.hold > std::numeric_limits<int32_t>::max() ||
      arguments.horizon % arguments.hold != 0) {
    return absl::InvalidArgumentError(absl::StrCat("arguments: hold ", arguments.hold,
                                                   ", expected a divisor of the horizon ",
                                                   arguments.horizon));
  }
  const int64_t num_rows = arguments.horizon / arguments.hold;
  const int64_t num_controls = static_cast<int64_t>(arguments.controls.size());
  const int64_t num_steps = arguments.lanes * num_rows;
  if (num_controls % num_steps != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("arguments: controls has ", num_controls, " numbers, expected a multiple of ",
                     num_steps, " (", arguments.lanes, " lanes x ", num_rows, " control rows)"));
  }
  request->set_model(arguments.model);
  request->set_version(arguments.version);
  request->set_label(arguments.label);
  request->set_id(arguments.id);
  FillTensor(arguments.initial_states,
             {arguments.num_initial_states, num_states / arguments.num_initial_states},
             request->mutable_initial_states());
  FillTensor(arguments.controls, {arguments.lanes, num_rows, num_controls / num_steps},
             request->mutable_controls());
  v1::RolloutOutputs* outputs = request->mutable_outputs();
  outputs->set_trajectory(arguments.outputs.trajectory);
  outputs->set_stride(arguments.outputs.stride);
  outputs->set_final_state(arguments.outputs.final_state);
  outputs->set_total_return(arguments.outputs.total_return);
  outputs->set_rewards(arguments.outputs.rewards);
  outputs->set_terminated_step(arguments.outputs.terminated_step);
  outputs->set_first_non_finite_step(arguments.outputs.first_non_finite_step);
  outputs->set_first_outside_step(arguments.outputs.first_outside_step);
  outputs->set_spread(arguments.outputs.spread);
  request->set_clip_controls(arguments.clip_controls);
  if (arguments.hold != 1) request->set_hold(static_cast<uint32_t>(arguments.hold));
  if (arguments.discount != 1.0) request->set_discount(arguments.discount);
  request->set_ensemble(Message(arguments.ensemble));
  request->set_seed(arguments.seed);
  if (arguments.cost != nullptr) return FillCost(*arguments.cost, request->mutable_cost());
  return absl::OkStatus();
}

}  // namespace rollout
