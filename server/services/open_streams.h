// The calls that stay open: streams, watches, and what waits for a verdict.
#ifndef ROLLOUT_SERVER_SERVICES_OPEN_STREAMS_H_
#define ROLLOUT_SERVER_SERVICES_OPEN_STREAMS_H_

#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace rollout {

// One open call. Called from any thread with no lock held, possibly once more while or just after
// it ends; must not block.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // What the registry tells of its models may have changed.
  virtual void RegistryChanged() = 0;
  // The server takes no more requests: answer what is in flight and end with UNAVAILABLE.
  virtual void Drain() = 0;
};

// Owned by the server, outlives every call. Any thread.
class OpenStreams {
 public:
  // Drains it at once where the server drains already.
  void Add(std::shared_ptr<OpenStream> stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const OpenStream* stream) ABSL_LOCKS_EXCLUDED(mutex_);

  void TellChanged() ABSL_LOCKS_EXCLUDED(mutex_);
  // Those that are open and those to come.
  void DrainAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::vector<std::shared_ptr<OpenStream>> All() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const OpenStream*, std::shared_ptr<OpenStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_OPEN_STREAMS_H_
