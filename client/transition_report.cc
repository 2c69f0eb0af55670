#include "client/transition_report.h"

#include "absl/strings/str_cat.h"
#include "client/tensor.h"

namespace rollout {

absl::Status FillRequest(const TransitionReport& report, v1::ReportTransitionsRequest* request) {
  const int64_t steps = report.num_transitions;
  if (steps < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("report: num_transitions is ", steps, ", expected at least 1"));
  }
  const int64_t num_states = static_cast<int64_t>(report.states.size());
  const int64_t num_controls = static_cast<int64_t>(report.controls.size());
  if (num_states == 0 || num_states % (steps + 1) != 0 || num_controls % steps != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "report: ", num_states, " numbers of states and ", num_controls,
        " of controls do not divide into ", steps + 1, " states and ", steps, " controls"));
  }
  request->set_model(report.model);
  request->set_client(report.client);
  request->set_episode(report.episode);
  request->set_first_step(report.first_step);
  FillTensor(report.states, {steps + 1, num_states / (steps + 1)}, request->mutable_states());
  FillTensor(report.controls, {steps, num_controls / steps}, request->mutable_controls());
  request->set_period(absl::ToDoubleSeconds(report.period));
  request->mutable_timestamps()->Add(report.timestamps.begin(), report.timestamps.end());
  request->set_terminated(report.terminated);
  request->set_truncated(report.truncated);
  return absl::OkStatus();
}

}  // namespace rollout
