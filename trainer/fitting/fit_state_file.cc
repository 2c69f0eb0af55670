#include "trainer/fitting/fit_state_file.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "models/checkpoint/safetensors.h"

namespace rollout {
namespace {

constexpr char kSettingPrefix[] = "setting.";

// The list of arrays that both directions follow.
template <typename State, typename Visit>
void VisitArrays(State& state, Visit visit) {
  visit("parameters", state.parameters);
  visit("first_moment", state.first_moment);
  visit("second_moment", state.second_moment);
}

std::string Exact(double value) { return absl::StrFormat("%.17g", value); }

}  // namespace

absl::Status WriteFitState(const std::string& path, const FitState& state,
                           const FitSettings& settings) {
  std::vector<NamedTensor> tensors;
  VisitArrays(state, [&](const char* name, const std::vector<float>& values) {
    tensors.push_back({name, {static_cast<int64_t>(values.size())}, values});
  });
  std::map<std::string, std::string> metadata;
  metadata["step"] = absl::StrCat(state.step);
  metadata["loss_sum"] = Exact(state.loss_sum);
  metadata["losses"] =
      absl::StrJoin(state.losses, " ", [](std::string* out, double v) { out->append(Exact(v)); });
  for (const auto& [name, value] : settings) {
    metadata[absl::StrCat(kSettingPrefix, name)] = value;
  }
  return WriteSafetensorsFile(path, tensors, metadata);
}

absl::StatusOr<FitState> ReadFitState(const std::string& path, const FitSettings& settings) {
  auto file = ReadSafetensorsFile(path);
  if (!file.ok()) return file.status();
  for (const auto& [name, value] : settings) {
    const std::string& found = file->metadata[absl::StrCat(kSettingPrefix, name)];
    if (found != value) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is the state of another fit: ", name,
                                                     " is \"", found, "\" there and \"", value,
                                                     "\" now; start anew with --restart"));
    }
  }
  FitState state;
  const auto unreadable = [&](const char* what) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": \"", what, "\" is missing or unreadable; this is no saved fit"));
  };
  absl::Status status;
  VisitArrays(state, [&](const char* name, std::vector<float>& values) {
    for (NamedTensor& tensor : file->tensors) {
      if (tensor.name != name) continue;
      values = std::move(tensor.data);
      return;
    }
    status = unreadable(name);
  });
  if (!status.ok()) return status;
  if (!absl::SimpleAtoi(file->metadata["step"], &state.step)) return unreadable("step");
  if (!absl::SimpleAtod(file->metadata["loss_sum"], &state.loss_sum)) return unreadable("loss_sum");
  for (const auto text : absl::StrSplit(file->metadata["losses"], ' ', absl::SkipEmpty())) {
    double loss = 0.0;
    if (!absl::SimpleAtod(text, &loss)) return unreadable("losses");
    state.losses.push_back(loss);
  }
  return state;
}

}  // namespace rollout
