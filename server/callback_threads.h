#ifndef ROLLOUT_SERVER_CALLBACK_THREADS_H_
#define ROLLOUT_SERVER_CALLBACK_THREADS_H_

#include <memory>
#include <vector>

#include "base/mutex.h"

namespace rollout {

// How many threads of this process gRPC reads, writes and runs callbacks on: 0, after a second,
// where there is no server and no call of the callback API yet, or another gRPC than 1.51.
int CountCallbackThreads();

// Leaves gRPC as few of them as are wanted, while this lives. gRPC 1.51 starts half as many as the
// machine has cores (a container's share does not count), but at least two, and has no option for
// it. One of them polls and, at each event, wakes another that shall poll meanwhile: with more
// threads than cores to spare for them, that costs more than the call itself, and a thread that is
// woken late holds up the calls that it has taken. The others are kept asleep in the callbacks of
// calls that fail at once. Owned by the process's main function; one at a time in a process.
class CallbackThreads final {
 public:
  // Leaves `wanted` (at least 1); nothing happens where there are no more. To be made once servers
  // listen, as there are no threads before.
  explicit CallbackThreads(int wanted);
  // Gives gRPC the others back.
  ~CallbackThreads();
  CallbackThreads(const CallbackThreads&) = delete;
  CallbackThreads& operator=(const CallbackThreads&) = delete;

 private:
  struct FailingCall;

  void Sleep() ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  ConditionVariable changed_;
  int asleep_ ABSL_GUARDED_BY(mutex_) = 0;
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<FailingCall>> calls_;  // one for each thread that sleeps
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CALLBACK_THREADS_H_
