// Which version of a registry a request gets, and what it is told where there is none.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/registry/model_registry.h"

namespace rollout {
namespace {

template <typename Map>
std::string Keys(const Map& map) {
  if (map.empty()) return "none";
  return absl::StrJoin(
      map, ", ", [](std::string* out, const auto& entry) { absl::StrAppend(out, entry.first); });
}

}  // namespace

absl::StatusOr<ServableHandle> ModelRegistry::Find(const std::string& name,
                                                   const VersionChoice& choice) {
  if (choice.version != 0 && !choice.label.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("label: got \"", choice.label,
                                                   "\" beside version ", choice.version,
                                                   ", expected at most one of them"));
  }
  MutexLock lock(&mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) return NoModel(name);
  int64_t wanted = choice.version;
  if (!choice.label.empty()) {
    const auto& labels = model->second.overrides.labels;
    const auto label = labels.find(choice.label);
    if (label == labels.end()) {
      return absl::NotFoundError(
          absl::StrCat(name, " has no label \"", choice.label, "\"; labels: ", Keys(labels)));
    }
    wanted = label->second;
  }
  const int64_t number = wanted == 0 ? model->second.serving : wanted;
  const auto record = model->second.versions.find(number);
  if (record == model->second.versions.end() || record->second.servable == nullptr) {
    return NoVersion(name, model->second, wanted);
  }
  return choice.version == 0 ? record->second.servable : KeptLoaded(record->second.servable);
}

absl::Status ModelRegistry::NoModel(const std::string& name) const {
  if (!scanned_) {
    return absl::UnavailableError("the model repository has not been read yet: try again");
  }
  return absl::NotFoundError(
      absl::StrCat("model \"", name, "\" is not in the repository; models: ", Keys(models_)));
}

absl::Status ModelRegistry::NoVersion(const std::string& name, const ModelRecord& model,
                                      int64_t version) const {
  std::vector<std::string> loaded;
  bool loading = false;
  for (const auto& [number, record] : model.versions) {
    if (record.state == VersionState::kReady) loaded.push_back(absl::StrCat(number));
    loading =
        loading || (record.state == VersionState::kLoading && (version == 0 || version == number));
  }
  const std::string what = version == 0 ? absl::StrCat(name, " has no good version")
                                        : absl::StrCat(name, " has no version ", version);
  if (loading) return absl::UnavailableError(absl::StrCat(what, " yet: it is loading, try again"));

  const bool unloaded = version == 0 ? model.overrides.all_barred : model.overrides.Bars(version);
  std::string message = absl::StrCat(
      what, version == 0 ? "" : " loaded", unloaded ? " (the operator has unloaded it)" : "",
      "; loaded versions: ", loaded.empty() ? "none" : absl::StrJoin(loaded, ", "));
  for (auto it = model.versions.rbegin(); it != model.versions.rend(); ++it) {
    if (it->second.state != VersionState::kQuarantined) continue;
    if (version != 0 && version != it->first) continue;
    if (it->second.device_fault) {
      return absl::UnavailableError(absl::StrCat(what, ": ", it->second.reason));
    }
    absl::StrAppend(&message, "; version ", it->first, " is quarantined: ", it->second.reason);
    break;
  }
  return absl::NotFoundError(message);
}

}  // namespace rollout
