#ifndef ROLLOUT_SERVER_SERVICES_ADMISSION_H_
#define ROLLOUT_SERVER_SERVICES_ADMISSION_H_

#include <cstdint>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace rollout {

// Counts the requests in flight and, once closed, lets no new one in: gRPC's own shutdown cancels
// requests that have just arrived, which their callers cannot tell from an answer cut off. Before
// it closes it drains: whoever asks is told to go elsewhere, whoever comes is still let in. Owned
// by the server, outlives every call; any thread.
class Admission {
 public:
  // False where the server is draining; otherwise Leave must follow.
  bool Enter() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (closed_) return false;
    ++in_flight_;
    return true;
  }

  void Leave() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    --in_flight_;
    if (in_flight_ == 0) left_.NotifyAll();
  }

  void StartDraining() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    draining_ = true;
  }

  // From StartDraining or Close on: the server and its models are not ready.
  bool draining() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return draining_;
  }

  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    draining_ = true;
    closed_ = true;
  }

  bool closed() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return closed_;
  }

  // After Close: false where requests are still in flight when `timeout` has passed.
  bool WaitUntilEmpty(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    while (in_flight_ > 0) {
      if (!left_.WaitFor(&mutex_, timeout)) return in_flight_ == 0;
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  ConditionVariable left_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ADMISSION_H_
