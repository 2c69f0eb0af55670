#include "server/registry/model_registry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/printable.h"
#include "models/engines/device_fault.h"

namespace rollout {
namespace {

void LogGates(const std::string& name, int64_t version, const GateVerdicts& gates) {
  for (const GateVerdict& gate : gates) {
    // What is passed needs no line of its own: version_ready says that all are.
    const auto level =
        gate.result == GateResult::kPassed ? spdlog::level::debug : spdlog::level::info;
    spdlog::log(level, "event=gate model={} version={} gate={} result={} detail=\"{}\"", name,
                version, Name(gate.gate), Name(gate.result), ForQuotes(gate.detail));
  }
  spdlog::info("event=gates model={} version={} {}", name, version,
               absl::StrJoin(gates, " ", [](std::string* out, const GateVerdict& gate) {
                 absl::StrAppend(out, Name(gate.gate), "=", Name(gate.result));
               }));
}

}  // namespace

ModelRegistry::ModelRegistry(RegistryOptions options, LoadFunction load, const Clock* clock,
                             RegistryObserver* observer)
    : options_(std::move(options)), load_(std::move(load)), clock_(clock), observer_(observer) {}

bool ModelRegistry::Ready() const {
  MutexLock lock(&mutex_);
  for (const auto& [name, model] : models_) {
    if (model.serving != 0) continue;
    for (const auto& [number, record] : model.versions) {
      if (record.device_fault && !model.overrides.Bars(number)) return false;
    }
  }
  return ready_;
}

void ModelRegistry::LookAfterDevices(std::vector<ServableHandle>* lost) {
  for (auto& [name, model] : models_) {
    for (auto& [number, record] : model.versions) {
      if (record.servable != nullptr) {
        const absl::Status health = record.servable->engine_health();
        if (health.ok()) continue;
        record.state = VersionState::kQuarantined;
        record.reason = Printable(health.message());
        spdlog::error("event=device_lost model={} version={} device={} reason=\"{}\"", name, number,
                      record.servable->engine_info().device, ForQuotes(record.reason));
        record.device_fault = true;
        lost->push_back(std::move(record.servable));
      }
      record.try_again = record.device_fault && record.state == VersionState::kQuarantined;
    }
  }
}

ModelStatus ModelRegistry::StatusOf(const std::string& name, const ModelRecord& model) {
  ModelStatus status;
  status.name = name;
  status.serving_version = model.serving;
  status.overrides = model.overrides;
  for (auto it = model.versions.rbegin(); it != model.versions.rend(); ++it) {
    status.versions.push_back(
        {it->first, it->second.state, it->second.reason, it->second.gates, it->second.servable});
  }
  return status;
}

std::vector<ModelStatus> ModelRegistry::Describe() const {
  MutexLock lock(&mutex_);
  std::vector<ModelStatus> all;
  for (const auto& [name, model] : models_) all.push_back(StatusOf(name, model));
  return all;
}

absl::StatusOr<ModelStatus> ModelRegistry::Describe(const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) return NoModel(name);
  return StatusOf(name, model->second);
}

ModelRegistry::Looks ModelRegistry::looks() const {
  MutexLock lock(&mutex_);
  return {looks_, last_look_};
}

absl::Status ModelRegistry::CheckStillThere(const RepositoryScan& scan) {
  if (!scan.models.empty() || !storage_) {
    storage_ = scan.folder;
  } else if (*storage_ != scan.folder) {
    return absl::UnavailableError(absl::StrCat(
        options_.repository,
        " is another, empty folder than the one that held models: is the storage mounted?"));
  }
  return absl::OkStatus();
}

absl::Status ModelRegistry::Poll() {
  absl::StatusOr<RepositoryScan> scan = ScanRepository(options_.repository);
  absl::Status look = scan.status();
  if (look.ok()) look = CheckStillThere(*scan);
  if (!look.ok()) {
    {
      MutexLock lock(&mutex_);
      ++looks_;
      last_look_ = look;
    }
    observer_->Changed();
    return look;
  }
  std::set<std::string> ignored(scan->ignored.begin(), scan->ignored.end());
  for (const std::string& line : ignored) {
    if (logged_ignored_.count(line) > 0) continue;
    spdlog::warn("event=ignored reason=\"{}\"", ForQuotes(line));
  }
  logged_ignored_ = std::move(ignored);

  std::vector<ServableHandle> dropped, lost;
  {
    MutexLock lock(&mutex_);
    ++looks_;
    last_look_ = absl::OkStatus();
    Merge(*scan);
    LookAfterDevices(&lost);
    ActOnAll(&dropped);
    UpdateReady();
  }
  for (const ServableHandle& servable : lost) {
    observer_->DeviceLost(servable->engine_info(), servable->engine_health());
  }
  lost.clear();
  dropped.clear();
  observer_->Changed();
  return absl::OkStatus();
}

void ModelRegistry::Merge(const RepositoryScan& scan) {
  for (auto& [name, model] : models_) {
    model.on_disk = false;
    for (auto& [number, record] : model.versions) record.on_disk = false;
  }
  for (const RepositoryModel& found : scan.models) {
    const auto [position, is_new] = models_.try_emplace(found.name);
    ModelRecord& model = position->second;
    if (const auto configured = options_.overrides.find(found.name);
        is_new && configured != options_.overrides.end()) {
      model.overrides = configured->second;
    }
    model.on_disk = true;
    for (const RepositoryVersion& version : found.versions) {
      VersionRecord& record = model.versions[version.version];
      record.on_disk = true;
      record.still = record.fingerprint == version.fingerprint;
      record.fingerprint = version.fingerprint;
    }
    if (scanned_) continue;
    // What is never to be loaded gets no verdict to wait for.
    const auto newest = std::find_if(
        found.versions.rbegin(), found.versions.rend(),
        [&](const RepositoryVersion& version) { return !model.overrides.Bars(version.version); });
    if (newest != found.versions.rend()) awaited_.emplace(found.name, newest->version);
  }
  const auto has_none = [](const RepositoryModel& model) { return model.versions.empty(); };
  if (!scanned_ && std::all_of(scan.models.begin(), scan.models.end(), has_none)) {
    spdlog::warn("event=no_versions reason=\"{} holds no MODEL/VERSION/\"", options_.repository);
  }
  if (!scanned_) WarnOfLabels();
  scanned_ = true;
}

void ModelRegistry::WarnOfLabels() const {
  for (const auto& [name, overrides] : options_.overrides) {
    const auto model = models_.find(name);
    for (const auto& [label, version] : overrides.labels) {
      if (model != models_.end() && model->second.versions.count(version) > 0) continue;
      spdlog::warn("event=label_without_version label={} model={} version={}", label, name,
                   version);
    }
  }
}

void ModelRegistry::ActOnAll(std::vector<ServableHandle>* dropped) {
  for (auto it = models_.begin(); it != models_.end();) {
    Act(it->first, &it->second, dropped);
    it = !it->second.on_disk && it->second.versions.empty() ? models_.erase(it) : std::next(it);
  }
}

void ModelRegistry::Act(const std::string& name, ModelRecord* model,
                        std::vector<ServableHandle>* dropped) {
  std::vector<VersionView> views;
  for (const auto& [number, record] : model->versions) {
    VersionView view;
    view.version = number;
    view.state = record.state;
    view.on_disk = record.on_disk;
    view.may_retry =
        record.state == VersionState::kQuarantined &&
        (record.try_again || (record.still && record.fingerprint != record.refused_fingerprint));
    if (record.servable != nullptr) view.last_used = record.servable->last_used();
    view.kept = model->overrides.Keeps(number);
    view.barred = model->overrides.Bars(number);
    view.pinned = model->overrides.pinned == number;
    views.push_back(view);
  }
  const VersionActions actions = DecideVersions(views, options_.policy, clock_->Now());
  for (const int64_t number : actions.load) {
    QueueLoad(name, number, &model->versions[number]);
  }
  for (const int64_t number : actions.unload) {
    VersionRecord& record = model->versions[number];
    record.state = VersionState::kUnloaded;
    dropped->push_back(std::move(record.servable));
    if (!record.on_disk) model->versions.erase(number);
  }
  for (const int64_t number : actions.forget) model->versions.erase(number);
  model->serving = actions.serving;
}

void ModelRegistry::QueueLoad(const std::string& name, int64_t version, VersionRecord* record) {
  record->state = VersionState::kLoading;
  record->try_again = false;
  to_load_.emplace_back(name, version);
}

bool ModelRegistry::LoadNext() {
  std::string name;
  int64_t version = 0;
  Fingerprint fingerprint;  // of before the load, so that a change during it counts as one
  ServableHandle oldest;
  bool waited = false;  // for its device already, and has said so
  {
    MutexLock lock(&mutex_);
    if (to_load_.empty()) return false;
    std::tie(name, version) = to_load_.front();
    to_load_.pop_front();
    const ModelRecord& model = models_[name];
    fingerprint = model.versions.at(version).fingerprint;
    waited = model.versions.at(version).device_fault;
    for (const auto& [number, record] : model.versions) {
      if (record.servable != nullptr && number != version) {
        oldest = record.servable;
        break;
      }
    }
  }
  observer_->Changed();

  const absl::Time start = clock_->Now();
  GateVerdicts gates;
  auto loaded = load_(name, version, oldest.get(), &gates);
  // A reason may hold what a stranger put into the repository: names of files, keys.
  if (!loaded.ok()) loaded = Printable(loaded.status());
  for (GateVerdict& gate : gates) gate.detail = Printable(gate.detail);
  const double seconds = absl::ToDoubleSeconds(clock_->Now() - start);
  const absl::Status verdict = loaded.status();
  // What cannot even be looked at is no bad version: its storage is gone, and may come back.
  const bool waits = DeviceFaultOf(verdict).has_value();
  // Once when the wait begins, not at every look.
  if (!(waits && waited)) LogGates(name, version, gates);
  absl::Status there;
  if (!verdict.ok()) there = ReadFingerprint(options_.repository, name, version).status();
  // What is there and may not be read is a bad version all the same.
  const bool vanished = !there.ok() && !absl::IsPermissionDenied(there);
  if (verdict.ok()) {
    spdlog::info("event=version_ready model={} version={} engine={} device={} seconds={:.3f}", name,
                 version, (*loaded)->engine_info().engine, (*loaded)->engine_info().device,
                 seconds);
  } else if (waits) {
    if (!waited) {
      spdlog::error("event=version_waits_for_device model={} version={} reason=\"{}\"", name,
                    version, ForQuotes(verdict.message()));
    }
  } else if (vanished) {
    spdlog::warn("event=version_vanished model={} version={} reason=\"{}\"", name, version,
                 ForQuotes(verdict.message()));
  } else {
    spdlog::warn("event=version_quarantined model={} version={} code={} reason=\"{}\"", name,
                 version, absl::StatusCodeToString(verdict.code()), ForQuotes(verdict.message()));
  }

  std::vector<ServableHandle> dropped;
  {
    MutexLock lock(&mutex_);
    if (vanished) models_[name].versions[version].on_disk = false;
    Record(name, version, fingerprint, std::move(loaded), gates, &dropped);
  }
  oldest.reset();
  dropped.clear();
  if (!vanished && !waits) observer_->LoadFinished(name, verdict, gates);
  observer_->Changed();
  return true;
}

void ModelRegistry::Record(const std::string& name, int64_t version, const Fingerprint& fingerprint,
                           absl::StatusOr<std::unique_ptr<Servable>> loaded, GateVerdicts gates,
                           std::vector<ServableHandle>* dropped) {
  ModelRecord& model = models_[name];
  VersionRecord& record = model.versions[version];
  record.gates = std::move(gates);
  if (loaded.ok()) {
    record.state = VersionState::kReady;
    record.reason.clear();
    record.device_fault = false;
    record.servable = unloader_.Manage(*std::move(loaded));
  } else {
    record.state = VersionState::kQuarantined;
    record.reason = std::string(loaded.status().message());
    record.refused_fingerprint = fingerprint;
    record.device_fault = DeviceFaultOf(loaded.status()).has_value();
  }
  Act(name, &model, dropped);
  UpdateReady();
}

void ModelRegistry::UpdateReady() {
  for (auto it = awaited_.begin(); it != awaited_.end();) {
    const auto model = models_.find(it->first);
    const VersionRecord* record = nullptr;
    if (model != models_.end()) {
      const auto found = model->second.versions.find(it->second);
      if (found != model->second.versions.end()) record = &found->second;
    }
    // Nor does anybody wait for what an operator has unloaded meanwhile.
    const bool judged = record == nullptr || model->second.overrides.Bars(it->second) ||
                        record->state == VersionState::kReady ||
                        (record->state == VersionState::kQuarantined && !record->device_fault);
    it = judged ? awaited_.erase(it) : std::next(it);
  }
  if (scanned_ && awaited_.empty()) ready_ = true;
}

}  // namespace rollout
