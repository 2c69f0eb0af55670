// The computing threads of one engine.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_

#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/mutex.h"

namespace rollout::fused {

// Threads that join in a piece of work when there is enough of it. Owned by an engine; one Run at a
// time, from any thread. The calling thread computes too, so a pool of one thread starts none.
// Allocates nothing after construction.
//
// A thread is woken on a processor where no other one of the same call computes: left to itself,
// the scheduler likes to wake it beside its waker, and takes several milliseconds, longer than most
// calls, to part them.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(0) on the calling thread and, for every Summon that finds an idle thread, task(i) on
  // that thread, i being its index, below threads(). A thread runs one call at a time, but may be
  // summoned again. Returns when all calls have returned.
  void Run(absl::FunctionRef<void(int)> task) ABSL_LOCKS_EXCLUDED(mutex_);

  // From within a task: one more thread shall call it, if one is idle. Cheap where none is.
  void Summon() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work(int index) ABSL_LOCKS_EXCLUDED(mutex_);
  // Answers one summons with a call of the task; gives up the lock meanwhile.
  void Answer(int index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps a sleeping worker off the processors where others compute, if there are more.
  void Place(int index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  ConditionVariable caller_needed_;
  std::vector<ConditionVariable> worker_summoned_;    // [threads]; the first is not used
  std::vector<char> asleep_ ABSL_GUARDED_BY(mutex_);  // [threads] workers that a summons may wake
  const absl::FunctionRef<void(int)>* task_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int summons_ ABSL_GUARDED_BY(mutex_) = 0;  // not yet answered
  int running_ ABSL_GUARDED_BY(mutex_) = 0;  // calls of the task under way
  bool caller_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> processors_ ABSL_GUARDED_BY(mutex_);  // [threads] where each computes; -1 = idle
  std::vector<cpu_set_t> places_ ABSL_GUARDED_BY(mutex_);  // [threads] where each may be
  cpu_set_t allowed_;  // processors that the system lets this process use; empty = it did not say
  std::atomic<int> idle_{0};  // threads that neither run nor are summoned: a hint, without the lock
  std::vector<std::thread> workers_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_
