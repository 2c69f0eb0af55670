// What an operator does to a registry while it runs.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/registry/model_registry.h"

namespace rollout {

ModelRegistry::ModelRecord* ModelRegistry::FindModel(const std::string& name) {
  const auto model = models_.find(name);
  return model == models_.end() ? nullptr : &model->second;
}

absl::Status ModelRegistry::CheckThere(const std::string& name, const ModelRecord& model,
                                       int64_t version) {
  const auto record = model.versions.find(version);
  if (record != model.versions.end() && record->second.on_disk) return absl::OkStatus();
  std::string there;
  for (const auto& [number, other] : model.versions) {
    if (other.on_disk) absl::StrAppend(&there, there.empty() ? "" : ", ", number);
  }
  return absl::NotFoundError(
      absl::StrCat(name, " has no version ", version,
                   " in the repository; versions: ", there.empty() ? "none" : there));
}

absl::Status ModelRegistry::CheckReady(const std::string& name, const ModelRecord& model,
                                       int64_t version) {
  if (absl::Status there = CheckThere(name, model, version); !there.ok()) return there;
  const VersionRecord& record = model.versions.at(version);
  if (record.state == VersionState::kReady) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(name, " version ", version, " is ", Name(record.state),
                   record.reason.empty() ? "" : absl::StrCat(" (", record.reason, ")"),
                   ", expected READY: load it first"));
}

absl::StatusOr<ModelStatus> ModelRegistry::Operate(
    const std::string& name, const std::function<absl::Status(ModelRecord* model)>& change) {
  std::vector<ServableHandle> dropped;
  ModelStatus status;
  {
    MutexLock lock(&mutex_);
    ModelRecord* model = FindModel(name);
    if (model == nullptr) return NoModel(name);
    if (absl::Status changed = change(model); !changed.ok()) return changed;
    Act(name, model, &dropped);
    UpdateReady();
    status = StatusOf(name, *model);
  }
  dropped.clear();
  observer_->Changed();
  return status;
}

absl::StatusOr<ModelStatus> ModelRegistry::Load(const std::string& name, int64_t version) {
  return Operate(name, [&](ModelRecord* model) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (version == 0) {
      model->overrides.barred.clear();
      model->overrides.all_barred = false;
    } else {
      if (absl::Status there = CheckThere(name, *model, version); !there.ok()) return there;
      model->overrides.barred.erase(version);
      model->overrides.kept.insert(version);
    }
    // The files may be the same and the reason gone: a missing engine module, say.
    for (auto it = model->versions.rbegin(); it != model->versions.rend(); ++it) {
      const bool asked = version == 0 ? !model->overrides.Bars(it->first) : it->first == version;
      if (!asked || !it->second.on_disk) continue;
      if (it->second.state == VersionState::kQuarantined) QueueLoad(name, it->first, &it->second);
      break;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<ModelStatus> ModelRegistry::Unload(const std::string& name, int64_t version) {
  return Operate(name, [&](ModelRecord* model) -> absl::Status {
    VersionOverrides& overrides = model->overrides;
    if (version == 0) {
      overrides.all_barred = true;
      overrides.kept.clear();
      overrides.pinned = 0;
      return absl::OkStatus();
    }
    if (absl::Status there = CheckThere(name, *model, version); !there.ok()) return there;
    overrides.barred.insert(version);
    overrides.kept.erase(version);
    if (overrides.pinned == version) overrides.pinned = 0;
    return absl::OkStatus();
  });
}

absl::StatusOr<ModelStatus> ModelRegistry::Pin(const std::string& name, int64_t version) {
  return Operate(name, [&](ModelRecord* model) -> absl::Status {
    if (version != 0) {
      if (absl::Status ready = CheckReady(name, *model, version); !ready.ok()) return ready;
    }
    model->overrides.pinned = version;
    return absl::OkStatus();
  });
}

absl::StatusOr<ModelStatus> ModelRegistry::SetLabel(const std::string& name,
                                                    const std::string& label, int64_t version) {
  if (absl::Status valid = CheckLabel(label); !valid.ok()) return valid;
  return Operate(name, [&](ModelRecord* model) -> absl::Status {
    if (version == 0) {
      model->overrides.labels.erase(label);
      return absl::OkStatus();
    }
    if (absl::Status ready = CheckReady(name, *model, version); !ready.ok()) return ready;
    model->overrides.labels[label] = version;
    return absl::OkStatus();
  });
}

}  // namespace rollout
