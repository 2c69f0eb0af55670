#ifndef ROLLOUT_SERVER_REGISTRY_UNLOADER_H_
#define ROLLOUT_SERVER_REGISTRY_UNLOADER_H_

#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "server/registry/servable.h"

namespace rollout {

// Destroys versions on a thread of its own: freeing weights and joining a batcher's thread take
// time that no request should pay, and the last handle may be dropped on that very thread. Owned by
// the registry; any thread. Destroying it waits for what was handed over; every handle that it made
// must be gone by then.
class Unloader {
 public:
  Unloader();
  ~Unloader();
  Unloader(const Unloader&) = delete;
  Unloader& operator=(const Unloader&) = delete;

  // A handle whose last copy hands the servable to this unloader.
  ServableHandle Manage(std::unique_ptr<Servable> servable);

  // Returns once everything handed over so far is destroyed.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Bury(std::unique_ptr<Servable> servable) ABSL_LOCKS_EXCLUDED(mutex_);
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<std::unique_ptr<Servable>> buried_ ABSL_GUARDED_BY(mutex_);
  bool destroying_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_UNLOADER_H_
