// Where large requests are read.
#ifndef ROLLOUT_SERVER_SERVICES_LARGE_REQUESTS_H_
#define ROLLOUT_SERVER_SERVICES_LARGE_REQUESTS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

namespace rollout {

// From here on, bytes: copying and checking so many numbers takes as long as waking a thread, and
// encoding as many frames a hundred times that.
inline constexpr size_t kLargeRequest = 128 << 10;

// A thread that reads one large request after the other, so that gRPC's threads, which are as few
// as one, stay with the small ones. Owned by the server, outlives every call; any thread.
class LargeRequests final {
 public:
  LargeRequests() : thread_([this] { Work(); }) {}
  // Reads those that are there first.
  ~LargeRequests();
  LargeRequests(const LargeRequests&) = delete;
  LargeRequests& operator=(const LargeRequests&) = delete;

  // Calls `read` soon, here where the request's `bytes` are few.
  template <typename Function>
  void Read(size_t bytes, const Function& read) ABSL_LOCKS_EXCLUDED(mutex_) {
    if (bytes < kLargeRequest) {
      read();
    } else {
      ReadElsewhere(read);
    }
  }

 private:
  void ReadElsewhere(std::function<void()> read) ABSL_LOCKS_EXCLUDED(mutex_);
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_LARGE_REQUESTS_H_
