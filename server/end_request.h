#ifndef ROLLOUT_SERVER_END_REQUEST_H_
#define ROLLOUT_SERVER_END_REQUEST_H_

#include <signal.h>

#include "base/mutex.h"

namespace rollout {

// That this process shall drain and end: SIGTERM and SIGINT ask for it, and whoever calls Ask. Made
// by the main function before any other thread exists and lives until the process ends, which the
// first signal does not do by itself. After it, a second one ends the process at once: whoever
// signals twice does not want to wait for the drain. Asking does not count as a signal, for a
// supervisor that sends its one signal to a server that drains already wants the drain.
class EndRequest final {
 public:
  // Blocks the signals, in the threads to come too.
  EndRequest();
  EndRequest(const EndRequest&) = delete;
  EndRequest& operator=(const EndRequest&) = delete;

  // Any thread, any number of times; does not block.
  void Ask() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns when the end is asked for, also if that was before. Once.
  void Wait() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void WatchSignals();

  sigset_t signals_;
  Mutex mutex_;
  ConditionVariable changed_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_END_REQUEST_H_
