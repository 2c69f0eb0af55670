#ifndef ROLLOUT_SERVER_REGISTRY_REPOSITORY_WATCHER_H_
#define ROLLOUT_SERVER_REGISTRY_REPOSITORY_WATCHER_H_

#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "server/registry/model_registry.h"

namespace rollout {

// The two threads that keep a registry true to its repository: one looks at it every
// `poll_interval` (shared storage sends no notifications), one loads, so that a slow load delays
// neither requests nor the next look. Owned by the server, destroyed before the registry; a load in
// progress is finished then.
class RepositoryWatcher {
 public:
  RepositoryWatcher(ModelRegistry* registry, absl::Duration poll_interval);
  ~RepositoryWatcher();
  RepositoryWatcher(const RepositoryWatcher&) = delete;
  RepositoryWatcher& operator=(const RepositoryWatcher&) = delete;

  // Has the repository looked at, and queued versions loaded, now rather than at the next interval.
  void LookNow() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);
  void Load() ABSL_LOCKS_EXCLUDED(mutex_);

  ModelRegistry* const registry_;
  const absl::Duration poll_interval_;

  Mutex mutex_;
  ConditionVariable changed_;
  bool look_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool look_for_loads_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watcher_;  // last two: they use everything above
  std::thread loader_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_REPOSITORY_WATCHER_H_
