// Which models and versions there are, which are loaded, and which one a request gets.
#ifndef ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_
#define ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
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
#include "server/registry/version_policy.h"

namespace rollout {

// Told what a registry does. Owned by whoever makes the registry and outlives it; called on the
// threads that call Poll and LoadNext, with no lock held.
class RegistryObserver {
 public:
  virtual ~RegistryObserver() = default;
  // A version got its verdict: OK, or why it is quarantined, with what each gate said.
  virtual void LoadFinished(const std::string& model, const absl::Status& verdict,
                            const GateVerdicts& gates) = 0;
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
};

struct RegistryOptions {
  std::string repository;
  VersionPolicy policy;
};

// The registry has no thread that watches or loads: RepositoryWatcher calls Poll and LoadNext on
// threads of its own, tests call them as they please. Find is all that a request calls: a short
// lock and a map lookup. A new version is swapped in whole; a bad one is remembered with its reason
// and the fingerprint of its files, and the versions around it go on. Any thread. Every handle must
// be gone before the registry is destroyed.
class ModelRegistry {
 public:
  // Loads a version; `oldest_loaded` (may be null) is what it must agree with, `gates` gets what
  // each gate said.
  using LoadFunction = std::function<absl::StatusOr<std::unique_ptr<Servable>>(
      const std::string& model, int64_t version, const Servable* oldest_loaded,
      GateVerdicts* gates)>;

  // `clock` and `observer` outlive the registry.
  ModelRegistry(RegistryOptions options, LoadFunction load, const Clock* clock,
                RegistryObserver* observer);

  // The version that a request gets; 0 = the highest good one. A version that is named stays
  // loaded for a while (VersionPolicy). NOT_FOUND listing what there is, with the reason of a
  // quarantined version; UNAVAILABLE while the model's first version is loading.
  absl::StatusOr<ServableHandle> Find(const std::string& model, int64_t version)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // True from when the first scan is done and the newest version of each of its models is warm or
  // quarantined.
  bool Ready() const ABSL_LOCKS_EXCLUDED(mutex_);

  // By name.
  std::vector<ModelStatus> Describe() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ModelStatus> Describe(const std::string& model) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the repository once and queues what is to be loaded. The operating system's error
  // where it cannot be read; everything loaded goes on then. One call at a time.
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
    GateVerdicts gates;
    ServableHandle servable;
  };
  struct ModelRecord {
    std::map<int64_t, VersionRecord> versions;
    bool on_disk = true;
    int64_t serving = 0;
  };

  // The next three move handles that are to be dropped into `dropped`, for after the lock.
  void Merge(const RepositoryScan& scan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Act(const std::string& name, ModelRecord* model, std::vector<ServableHandle>* dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ActOnAll(std::vector<ServableHandle>* dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Record(const std::string& name, int64_t version, const Fingerprint& fingerprint,
              absl::StatusOr<std::unique_ptr<Servable>> loaded, GateVerdicts gates,
              std::vector<ServableHandle>* dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NoVersion(const std::string& name, const ModelRecord& model, int64_t version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
  // Newest versions of the first scan that have no verdict yet.
  std::set<std::pair<std::string, int64_t>> awaited_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> logged_ignored_;  // Poll's own
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_MODEL_REGISTRY_H_
