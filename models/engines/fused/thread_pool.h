// The computing threads of one engine.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/mutex.h"

namespace rollout::fused {

// Runs one function on several threads at once. Owned by an engine; one Run at a time, from any
// thread. The calling thread computes too, so a pool of one thread starts none. Run allocates
// nothing.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(0) ... task(count - 1), each on a thread of its own, and returns when all have
  // returned. `count` is at most threads().
  void Run(int count, absl::FunctionRef<void(int)> task);

 private:
  void Work(int index);

  Mutex mutex_;
  ConditionVariable work_arrived_, work_done_;
  const absl::FunctionRef<void(int)>* task_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t round_ ABSL_GUARDED_BY(mutex_) = 0;  // of Run; tells a worker that there is a new task
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> workers_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_THREAD_POOL_H_
