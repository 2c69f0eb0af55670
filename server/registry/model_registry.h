// Which models and versions there are, which are loaded, and which one a request gets.
#ifndef ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_
#define ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "models/checkpoint/repository.h"
#include "server/gates/gate_verdict.h"
#include "server/registry/servable.h"
#include "server/registry/unloader.h"
#include "server/registry/version_overrides.h"
#include "server/registry/version_policy.h"
#include "server/registry/version_source.h"

namespace rollout {

// Told what a registry does. Owned by whoever makes the registry and outlives it; called on the
// threads that call Poll and LoadNext, with no lock held.
class RegistryObserver {
 public:
  virtual ~RegistryObserver() = default;
  // A version got its verdict: OK, or why it is quarantined, with what each gate said.
  virtual void LoadFinished(const std::string& model, const absl::Status& verdict,
                            const GateVerdicts& gates) = 0;
  // A loaded version has lost its device, which is not the version's fault.
  virtual void DeviceLost(const EngineInfo& /*engine*/, const absl::Status& /*why*/) {}
  // What Describe or Ready return may have changed.
  virtual void Changed() = 0;
};

struct VersionStatus {
  int64_t version = 0;
  VersionState state = VersionState::kUnloaded;
  std::string reason;       // of a quarantined version
  GateVerdicts gates;       // what the gates said last; empty before the first load
  ServableHandle servable;  // of a ready version, else null
};

struct ModelStatus {
  std::string name;
  int64_t serving_version = 0;          // 0 = none is good
  std::vector<VersionStatus> versions;  // highest first
  VersionOverrides overrides;           // what configuration and Admin say of them
};

struct RegistryOptions {
  std::string repository;
  VersionPolicy policy;
  OverridesByModel overrides = {};  // of the configuration
};

// The registry has no thread that watches or loads: RepositoryWatcher calls Poll and LoadNext on
// threads of its own, tests call them as they please. Find is all that a request calls: a short
// lock and a map lookup. A new version is swapped in whole; a bad one is remembered with its reason
// and the fingerprint of its files, and the versions around it go on. Any thread. Every handle must
// be gone before the registry is destroyed.
class ModelRegistry final : public VersionSource {
 public:
  // Loads a version; `oldest_loaded` (may be null) is what it must agree with, `gates` gets what
  // each gate said.
  using LoadFunction = std::function<absl::StatusOr<std::unique_ptr<Servable>>(
      const std::string& model, int64_t version, const Servable* oldest_loaded,
      GateVerdicts* gates)>;

  // `clock` and `observer` outlive the registry.
  ModelRegistry(RegistryOptions options, LoadFunction load, const Clock* clock,
                RegistryObserver* observer);

  // The version that a request gets. One that is named by its number stays loaded as long as the
  // handle exists and for a while after that (VersionPolicy).
  absl::StatusOr<ServableHandle> Find(const std::string& model,
                                      const VersionChoice& choice) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ServableHandle> Find(const std::string& model, int64_t version) {
    return Find(model, VersionChoice{version, ""});
  }

  // True from when the first scan is done and of each of its models the newest version that may be
  // loaded is warm or quarantined. Not while a model has no version to serve because its device is
  // lost.
  bool Ready() const ABSL_LOCKS_EXCLUDED(mutex_);

  // By name.
  std::vector<ModelStatus> Describe() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ModelStatus> Describe(const std::string& model) const ABSL_LOCKS_EXCLUDED(mutex_);

  // What an operator says while the server runs; forgotten with the registry. Each returns the
  // model as it is then. NOT_FOUND for a model or version that the repository does not hold,
  // listing what there is.
  //
  // Loads `version` and keeps it, or (0) lifts every Unload and tries again what the policy wants.
  // Also what is quarantined is tried again. The load itself is LoadNext's.
  absl::StatusOr<ModelStatus> Load(const std::string& model, int64_t version)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Drops `version` (0 = all, also those to come) for requests; those in flight finish.
  absl::StatusOr<ModelStatus> Unload(const std::string& model, int64_t version)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes `version` what a request without a version gets, 0 = the newest good one again.
  // FAILED_PRECONDITION where it is not ready.
  absl::StatusOr<ModelStatus> Pin(const std::string& model, int64_t version)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves `label` to `version`; 0 removes it. FAILED_PRECONDITION where the version is not ready,
  // INVALID_ARGUMENT where `label` is no label.
  absl::StatusOr<ModelStatus> SetLabel(const std::string& model, const std::string& label,
                                       int64_t version) ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the repository so far, and what the last one met.
  struct Looks {
    int64_t count = 0;
    absl::Status last;
  };
  Looks looks() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the repository once and queues what is to be loaded. The operating system's error
  // where it cannot be read, UNAVAILABLE where another, empty folder stands in its place (a storage
  // that is not mounted); everything loaded goes on then. One call at a time.
  absl::Status Poll() ABSL_LOCKS_EXCLUDED(mutex_);

  // Loads the next queued version on the calling thread; false where there is none. One call at a
  // time.
  bool LoadNext() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns once every unloaded version that no handle pins is destroyed.
  void WaitUntilUnloaded() { unloader_.WaitUntilIdle(); }

 private:
  struct VersionRecord {
    VersionState state = VersionState::kUnloaded;
    bool on_disk = true;
    Fingerprint fingerprint;          // at the last scan
    bool still = false;               // the same as at the scan before
    Fingerprint refused_fingerprint;  // of the files that were refused
    std::string reason;
    bool device_fault = false;  // refused or dropped for the sake of its device, not for its own
    bool try_again = false;     // its device may have come back
    GateVerdicts gates;
    ServableHandle servable;
  };
  struct ModelRecord {
    std::map<int64_t, VersionRecord> versions;
    bool on_disk = true;
    int64_t serving = 0;
    VersionOverrides overrides;
  };

  // The next three move handles that are to be dropped into `dropped`, for after the lock.
  void Merge(const RepositoryScan& scan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Act(const std::string& name, ModelRecord* model, std::vector<ServableHandle>* dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ActOnAll(std::vector<ServableHandle>* dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of the configuration's labels, those whose version the repository does not hold.
  void WarnOfLabels() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sets aside loaded versions whose engine has lost its device, and lets all that lack a device
  // try again: on the CPU, where the choice of engines allows it, or until the device is back.
  void LookAfterDevices(std::vector<ServableHandle>* lost) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Record(const std::string& name, int64_t version, const Fingerprint& fingerprint,
              absl::StatusOr<std::unique_ptr<Servable>> loaded, GateVerdicts gates,
              std::vector<ServableHandle>* dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NoVersion(const std::string& name, const ModelRecord& model, int64_t version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelRecord* FindModel(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Finishes what changes overrides: acts on them and tells.
  absl::StatusOr<ModelStatus> Operate(const std::string& name,
                                      const std::function<absl::Status(ModelRecord* model)>& change)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // FAILED_PRECONDITION or NOT_FOUND where the version is not there or not ready.
  static absl::Status CheckReady(const std::string& name, const ModelRecord& model,
                                 int64_t version);
  static absl::Status CheckThere(const std::string& name, const ModelRecord& model,
                                 int64_t version);
  void QueueLoad(const std::string& name, int64_t version, VersionRecord* record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckStillThere(const RepositoryScan& scan);
  absl::Status NoModel(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static ModelStatus StatusOf(const std::string& name, const ModelRecord& model);

  const RegistryOptions options_;
  const LoadFunction load_;
  const Clock* const clock_;
  RegistryObserver* const observer_;
  Unloader unloader_;  // before the handles that it manages

  mutable Mutex mutex_;
  std::map<std::string, ModelRecord> models_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<std::string, int64_t>> to_load_ ABSL_GUARDED_BY(mutex_);
  bool scanned_ ABSL_GUARDED_BY(mutex_) = false;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  // Newest versions of the first scan that are to be loaded and have no verdict yet.
  std::set<std::pair<std::string, int64_t>> awaited_ ABSL_GUARDED_BY(mutex_);
  int64_t looks_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status last_look_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> logged_ignored_;   // Poll's own
  std::optional<FolderIdentity> storage_;  // Poll's own: the folder that last held models
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_
