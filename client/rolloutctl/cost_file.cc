#include "client/rolloutctl/cost_file.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/rolloutctl/array_file.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

using nlohmann::json;

// One weight for each number.
absl::Status TakeNumbers(const std::string& field, const json& value, std::vector<float>* numbers) {
  const auto array = ParseJsonArray(value.dump());
  if (!array.ok() || array->shape.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cost: ", field, " is ", value.dump(), ", expected a list of numbers"));
  }
  numbers->assign(array->values.begin(), array->values.end());
  return absl::OkStatus();
}

// [2n], or [rows, 2n].
absl::Status TakeReference(const json& value, CostNumbers* cost) {
  const auto array = ParseJsonArray(value.dump());
  if (!array.ok() || array->shape.empty() || array->shape.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat("--cost: reference is ", value.dump(),
                                                   ", expected one state or one for each time"));
  }
  cost->reference_rows = array->shape.size() == 2 ? array->shape[0] : 1;
  cost->reference.assign(array->values.begin(), array->values.end());
  return absl::OkStatus();
}

absl::Status TakeField(const std::string& field, const json& value, CostNumbers* cost) {
  const std::map<std::string, std::vector<float>*> lists = {
      {"state", &cost->state},
      {"control", &cost->control},
      {"control_change", &cost->control_change},
      {"terminal", &cost->terminal},
      {"last_control", &cost->last_control}};
  if (const auto list = lists.find(field); list != lists.end()) {
    return TakeNumbers(field, value, list->second);
  }
  if (field == "reference") return TakeReference(value, cost);
  if (field == "add_reward" && value.is_boolean()) {
    cost->add_reward = value.get<bool>();
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--cost: ", field, ": ", value.dump(),
                   " is unknown; expected state, control, control_change, terminal, reference, "
                   "last_control (lists of numbers), add_reward (true or false)"));
}

}  // namespace

RolloutCost CostNumbers::View() const {
  RolloutCost view;
  view.state = state;
  view.control = control;
  view.control_change = control_change;
  view.terminal = terminal;
  view.reference = reference;
  view.reference_rows = reference_rows;
  view.last_control = last_control;
  view.add_reward = add_reward;
  return view;
}

absl::StatusOr<CostNumbers> ReadCost(const std::string& text) {
  std::string object = text;
  if (!absl::StartsWith(absl::StripAsciiWhitespace(text), "{")) {
    const auto file = ReadFile(text);
    if (!file.ok()) {
      return absl::Status(file.status().code(), absl::StrCat("--cost: ", file.status().message()));
    }
    object = *file;
  }
  const json parsed = json::parse(object, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cost: got \"", object.substr(0, 80),
                     "\", expected a JSON object such as {\"state\": [1, 0], \"control\": [0.1]}"));
  }
  CostNumbers cost;
  for (const auto& [field, value] : parsed.items()) {
    if (absl::Status taken = TakeField(field, value, &cost); !taken.ok()) return taken;
  }
  return cost;
}

const char* CostHelp() {
  return "diagonal weights instead of the model's reward, a JSON object or a .json file:\n"
         "{\"state\": [..], \"control\": [..], \"reference\": [..], \"terminal\": [..]}";
}

}  // namespace rollout
