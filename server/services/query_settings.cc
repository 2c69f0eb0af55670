#include "server/services/query_settings.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

absl::Status CheckNumbers(const std::string& field, const std::vector<float>& numbers, int size,
                          bool weights) {
  if (!numbers.empty() && numbers.size() != static_cast<size_t>(size)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": got ", numbers.size(), " numbers, expected ", size, " or none"));
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i]) && !(weights && numbers[i] < 0.0f)) continue;
    return absl::InvalidArgumentError(absl::StrCat(field, "[", i, "]: got ", numbers[i],
                                                   ", expected a finite number",
                                                   weights ? " of at least 0" : ""));
  }
  return absl::OkStatus();
}

absl::Status CheckReference(const TransitionModelSpec& spec, const QueryCost& cost,
                            uint64_t horizon) {
  if (cost.reference.empty()) return absl::OkStatus();
  const uint64_t state_size = spec.state_size();
  const auto& shape = cost.reference_shape;
  if (shape.size() != 2 || (shape[0] != 1 && shape[0] != horizon + 1) || shape[1] != state_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cost.reference: got shape [", absl::StrJoin(shape, ", "), "], expected [1, ", state_size,
        "] or [", horizon + 1, ", ", state_size, "] (one row for each state)"));
  }
  for (size_t i = 0; i < cost.reference.size(); ++i) {
    if (std::isfinite(cost.reference[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat("cost.reference[", i / state_size, ", ",
                                                   i % state_size, "]: got ", cost.reference[i],
                                                   ", expected a finite number"));
  }
  return absl::OkStatus();
}

}  // namespace

DiagonalCost QueryCost::View() const {
  DiagonalCost view;
  view.state = state;
  view.control = control;
  view.control_change = control_change;
  view.terminal = terminal;
  view.reference = reference;
  view.last_control = last_control;
  view.add_reward = add_reward;
  return view;
}

absl::Status CheckSettings(const TransitionModelSpec& spec, const QuerySettings& settings,
                           uint64_t horizon) {
  if (!(settings.discount >= 0.0 && settings.discount <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("discount: got ", settings.discount, ", expected a number from 0 to 1"));
  }
  if (!settings.cost) return absl::OkStatus();
  const QueryCost& cost = *settings.cost;
  const int state_size = spec.state_size();
  for (const absl::Status& status :
       {CheckNumbers("cost.state", cost.state, state_size, true),
        CheckNumbers("cost.control", cost.control, spec.num_controls, true),
        CheckNumbers("cost.control_change", cost.control_change, spec.num_controls, true),
        CheckNumbers("cost.terminal", cost.terminal, state_size, true),
        CheckNumbers("cost.last_control", cost.last_control, spec.num_controls, false)}) {
    if (!status.ok()) return status;
  }
  if (cost.add_reward && spec.reward.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cost.add_reward: got true, but ", spec.name,
                                                   " names no reward; ask for the cost alone"));
  }
  return CheckReference(spec, cost, horizon);
}

}  // namespace rollout
