// Feeds the rollouts that wait for one engine to it.
#ifndef ROLLOUT_SERVER_BATCHING_BATCHER_H_
#define ROLLOUT_SERVER_BATCHING_BATCHER_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "models/engines/engine.h"
#include "server/batching/batch_policy.h"
#include "server/batching/fair_queue.h"
#include "server/batching/rollout_task.h"

namespace rollout {

// Told what a batcher does. Owned by whoever makes the batcher and outlives it; called from any
// thread, must not block.
class BatchObserver {
 public:
  virtual ~BatchObserver() = default;
  virtual void QueueChanged(int64_t waiting_lanes) = 0;
  // The first lanes of a client's rollout are under way, among `lanes_under_way` of all tasks with
  // its own.
  virtual void RolloutStarted(absl::Duration queued, int64_t lanes_under_way) = 0;
  // A client's rollout that was not refused, cancelled or failed is computed.
  virtual void RolloutComputed(absl::Duration compute) = 0;
  // The same of any task: the server's own, and work that runs alone, among them.
  virtual void TransitionsComputed(int64_t transitions) = 0;
  // The last task of a batch (BatchTally) has ended; `lanes` are those of clients' tasks that were
  // computed, the server's own not among them.
  virtual void BatchComputed(int64_t lanes, absl::Duration compute) = 0;
};

// The queue of one loaded version, which its engine draws lanes from: whatever waits goes at once
// into whatever room the engine has, in turns of clients (FairQueue), also while other lanes are
// under way. A rollout that takes no longer than waking a thread is computed inside Submit. Owned
// by the version; any thread may call Submit and Cancel. No lock is held while the engine computes
// or a callback runs. Destroying it cancels what is under way and fails what waits with
// UNAVAILABLE: every accepted task has its `done` called.
class Batcher final : private LaneFeed {
 public:
  // `engine`, `clock` and `observer` outlive the batcher; nobody else uses the engine meanwhile.
  Batcher(std::string model_label, Engine* engine, const BatchLimits& limits, const Clock* clock,
          BatchObserver* observer);
  ~Batcher() override;
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // OK: the task is taken and `done` will be called, possibly before this returns. Otherwise it was
  // not taken and `done` is not called: INVALID_ARGUMENT (Engine::Check), RESOURCE_EXHAUSTED (with
  // RetryPushback) where the queue is full, DEADLINE_EXCEEDED where the deadline has passed on
  // arrival, CANCELLED where Cancel came first, UNAVAILABLE on shutdown.
  absl::Status Submit(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Drops a task. One that waits is finished with CANCELLED here and now; one that is being
  // computed is taken off the engine at its next transition; one that is finished does not mind, as
  // long as it still exists.
  void Cancel(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);

  const BatchLimits& limits() const { return limits_; }

  // Transitions that threads of the engine have advanced their lanes by since the start, each
  // counted once for all lanes under way on a thread, those of abandoned tasks among them.
  int64_t engine_transitions() const { return engine_transitions_.load(); }

 private:
  // Tasks to finish, with their results, once the lock is released.
  using Finished = std::vector<std::pair<RolloutTask*, absl::Status>>;

  LaneRange Next(int64_t most) override ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t waiting_lanes() const override { return waiting_lanes_.load(std::memory_order_relaxed); }
  void Done(const LaneRange& range, const absl::Status& status) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void BetweenTransitions() override ABSL_LOCKS_EXCLUDED(mutex_);

  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  void ComputeLanes() ABSL_LOCKS_EXCLUDED(mutex_);
  void ComputeAlone(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);
  void ComputeHere(RolloutTask* task) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Refusal(const RolloutTask& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Start(RolloutTask* task, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What this thread takes from now on is another batch.
  void CloseBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes a task's waiting lanes out of the queue; whether it is done with that.
  bool Withdraw(RolloutTask* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // No lane is left: measures the task and tells what became of it.
  absl::Status End(RolloutTask* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Outcome(const RolloutTask& task, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Measure(const RolloutTask& task, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void QueueChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Flags and withdraws what has expired by `now`, and finds the next deadline.
  void Expire(absl::Time now, Finished* finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailRest(Finished* finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Finish(const Finished& finished);

  const std::string model_label_;
  Engine* const engine_;
  const BatchLimits limits_;
  const Clock* const clock_;
  BatchObserver* const observer_;

  Mutex mutex_;
  ConditionVariable work_or_stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool engine_busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool engine_took_lanes_ ABSL_GUARDED_BY(mutex_) = false;  // in its present call
  FairQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::list<RolloutTask*> running_ ABSL_GUARDED_BY(mutex_);  // some lanes were handed out
  BatchTally batches_ ABSL_GUARDED_BY(mutex_);               // of running_
  int64_t queued_transitions_ ABSL_GUARDED_BY(mutex_) = 0;   // waiting and running
  ComputeRate rate_ ABSL_GUARDED_BY(mutex_);
  absl::Time rate_mark_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration lone_transition_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();

  // Read without the lock, at every transition.
  std::atomic<int64_t> waiting_lanes_{0};
  std::atomic<int64_t> lanes_under_way_{0};
  std::atomic<int64_t> engine_transitions_{0};
  std::atomic<bool> batch_is_open_{false};
  std::atomic<int64_t> next_deadline_ns_;  // no task's deadline is earlier

  std::thread worker_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_BATCHER_H_
