// Groups the rollouts that wait for one engine into batches.
#ifndef ROLLOUT_SERVER_BATCHING_BATCHER_H_
#define ROLLOUT_SERVER_BATCHING_BATCHER_H_

#include <cstdint>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "models/engines/engine.h"
#include "server/batching/batch_policy.h"
#include "server/batching/rollout_task.h"

namespace rollout {

// Told what a batcher does. Owned by whoever makes the batcher and outlives it; called from any
// thread, must not block.
class BatchObserver {
 public:
  virtual ~BatchObserver() = default;
  virtual void QueueChanged(int64_t waiting_lanes) = 0;
  virtual void BatchComputed(int64_t lanes, int64_t transitions, absl::Duration compute) = 0;
  virtual void TaskStarted(absl::Duration queued) = 0;
};

// The queue of one loaded version and the thread that feeds its engine: whatever waits when the
// engine becomes free goes together (PlanBatch), with no added delay. Owned by the version; any
// thread may call Submit and Cancel. No lock is held while the engine computes or a callback runs.
// Destroying it lets the batch in progress finish, flagged as cancelled, and fails what waits with
// UNAVAILABLE: every accepted task has its `done` called.
class Batcher {
 public:
  // `engine`, `clock` and `observer` outlive the batcher.
  Batcher(std::string model_label, Engine* engine, const BatchLimits& limits, const Clock* clock,
          BatchObserver* observer);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // OK: the task is queued and `done` will be called, possibly before this returns. Otherwise it
  // was not taken and `done` is not called: RESOURCE_EXHAUSTED (with RetryPushback) where the queue
  // is full, DEADLINE_EXCEEDED where the deadline has passed on arrival, UNAVAILABLE on shutdown.
  absl::Status Submit(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Drops an accepted task whose `done` has not returned: one that waits is finished with CANCELLED
  // here and now, one that is being computed is flagged to the engine and finished by the batch.
  void Cancel(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);

  const BatchLimits& limits() const { return limits_; }

 private:
  struct Batch {
    std::vector<RolloutTask*> run;
    std::vector<RolloutTask*> expired;
  };

  void Work();
  // Waits for tasks; false on shutdown.
  bool TakeBatch(Batch* batch) ABSL_LOCKS_EXCLUDED(mutex_);
  void Compute(const std::vector<RolloutTask*>& tasks) ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveFromQueue(std::list<RolloutTask*>::iterator task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string model_label_;
  Engine* const engine_;
  const BatchLimits limits_;
  const Clock* const clock_;
  BatchObserver* const observer_;

  Mutex mutex_;
  ConditionVariable work_or_stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<RolloutTask*> waiting_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::vector<RolloutTask*> running_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_lanes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t queued_transitions_ ABSL_GUARDED_BY(mutex_) = 0;  // waiting and running
  double transitions_per_second_ ABSL_GUARDED_BY(mutex_) = 0.0;

  std::thread worker_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_BATCHER_H_
