#ifndef ROLLOUT_SERVER_RECORDING_BOUNDED_QUEUE_H_
#define ROLLOUT_SERVER_RECORDING_BOUNDED_QUEUE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace rollout {

// What many threads hand to one writing thread without ever waiting for it: an item that does not
// fit is refused. The writer is woken when half of the capacity is used or the queue is closed, and
// looks by itself otherwise, so that handing over costs no wake-up.
template <typename Item>
class BoundedQueue {
 public:
  // In the unit of the items' costs.
  explicit BoundedQueue(int64_t capacity) : capacity_(capacity) {}

  // False where there is no room, or the queue is closed. Any thread.
  bool Push(Item item, int64_t cost) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (closed_ || cost > capacity_ - used_) return false;
    used_ += cost;
    items_.push_back(std::move(item));
    if (used_ >= capacity_ / 2) half_full_or_closed_.NotifyOne();
    return true;
  }

  // Everything that waits, oldest first, after `patience` or when woken; puts whether the queue is
  // closed into `closed`: nothing follows then. The writing thread.
  std::vector<Item> TakeAll(absl::Duration patience, bool* closed) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (!closed_ && used_ < capacity_ / 2) half_full_or_closed_.WaitFor(&mutex_, patience);
    *closed = closed_;
    used_ = 0;
    return std::exchange(items_, {});
  }

  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    closed_ = true;
    half_full_or_closed_.NotifyOne();
  }

 private:
  const int64_t capacity_;
  Mutex mutex_;
  ConditionVariable half_full_or_closed_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  int64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_BOUNDED_QUEUE_H_
