#include "server/batching/batcher.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/batching/abandoned.h"
#include "server/batching/retry_pushback.h"

namespace rollout {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

int64_t Transitions(const RolloutTask& task) { return task.job.lanes * task.job.horizon; }

int64_t Nanoseconds(absl::Time time) {
  return time == absl::InfiniteFuture() ? kNever : absl::ToUnixNanos(time);
}

// Neither the server's own, for prediction errors, nor a gradient.
bool IsClientsRollout(const RolloutTask& task) { return task.client != 0 && !task.alone; }

}  // namespace

Batcher::Batcher(std::string model_label, Engine* engine, const BatchLimits& limits,
                 const Clock* clock, BatchObserver* observer)
    : model_label_(std::move(model_label)),
      engine_(engine),
      limits_(limits),
      clock_(clock),
      observer_(observer),
      next_deadline_ns_(kNever),
      worker_([this] { Work(); }) {}

Batcher::~Batcher() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (RolloutTask* task : running_) task->cancelled.store(true);
  }
  work_or_stop_.NotifyAll();
  worker_.join();
}

absl::Status Batcher::Refusal(const RolloutTask& task) {
  if (stopping_) {
    return absl::UnavailableError(absl::StrCat(model_label_, " is being unloaded: try again"));
  }
  if (task.cancelled.load()) return CancelledOnArrival();
  if (HasRoom(queue_.lanes(), queue_.bytes(), task.job.lanes, task.bytes, limits_)) {
    return absl::OkStatus();
  }
  const bool lanes_fit = HasRoom(queue_.lanes(), 0, task.job.lanes, 0, limits_);
  const std::string why =
      lanes_fit ? absl::StrCat(queue_.bytes(), " bytes wait, ", task.bytes,
                               " more do not fit into --queue-bytes=", limits_.queue_bytes)
                : absl::StrCat(queue_.lanes(), " lanes wait, ", task.job.lanes,
                               " more do not fit into --queue-lanes=", limits_.queue_lanes);
  return WithRetryPushback(
      absl::ResourceExhaustedError(absl::StrCat("queue of ", model_label_, " is full: ", why,
                                                "; retry later or add replicas")),
      RetryDelay(queued_transitions_, rate_.per_second()));
}

absl::Status Batcher::Submit(RolloutTask* task) {
  const absl::Time now = clock_->Now();
  if (task->deadline <= now) {
    return DeadlinePassed(task->deadline, now, "before the request could be queued");
  }
  task->submitted = now;
  task->job.cancelled = &task->cancelled;
  task->job.owner = task;
  if (!task->alone) {
    if (absl::Status status = engine_->Check(task->job); !status.ok()) return status;
  }
  task->lanes_left.store(task->job.lanes);
  {
    MutexLock lock(&mutex_);
    if (absl::Status refusal = Refusal(*task); !refusal.ok()) return refusal;
    queued_transitions_ += Transitions(*task);
    const bool here = !engine_busy_ && queue_.empty() && !task->alone && !task->done_is_long &&
                      ComputesHere(task->job.lanes, task->job.horizon, lone_transition_);
    if (!here) {
      queue_.Push(task);
      QueueChanged();
      const int64_t deadline = Nanoseconds(task->deadline);
      if (deadline < next_deadline_ns_.load()) next_deadline_ns_.store(deadline);
      if (!engine_busy_) work_or_stop_.NotifyOne();
      return absl::OkStatus();
    }
    engine_busy_ = true;
    task->taken = task->job.lanes;
    lanes_under_way_ += task->job.lanes;
    Start(task, now);
    CloseBatch();
  }
  ComputeHere(task);
  return absl::OkStatus();
}

void Batcher::ComputeHere(RolloutTask* task) {
  JobsFeed feed({&task->job, 1});
  task->error = engine_->Compute(feed);
  engine_transitions_.fetch_add(task->job.horizon, std::memory_order_relaxed);
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    lanes_under_way_ -= task->job.lanes;
    status = End(task);
    engine_busy_ = false;
    if (!queue_.empty()) work_or_stop_.NotifyOne();
  }
  task->done(status);
}

void Batcher::Cancel(RolloutTask* task) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    task->cancelled.store(true);
    const bool ended = Withdraw(task);
    QueueChanged();
    if (!ended) return;  // the engine sees the flag
    status = End(task);
  }
  task->done(status);
}

bool Batcher::Withdraw(RolloutTask* task) {
  if (!task->queued) return false;
  const int64_t waiting = task->job.lanes - task->taken;
  queue_.Remove(task);
  return task->lanes_left.fetch_sub(waiting) == waiting;
}

void Batcher::Start(RolloutTask* task, absl::Time now) {
  task->started = now;
  task->running = true;
  task->alone_under_way = running_.empty();
  if (running_.size() == 1) running_.front()->alone_under_way = false;
  task->running_position = running_.insert(running_.end(), task);
  if (!task->alone) {
    task->batch = batches_.Join(std::this_thread::get_id(), now);
    batch_is_open_.store(true, std::memory_order_relaxed);
  }
  if (IsClientsRollout(*task)) {
    observer_->RolloutStarted(now - task->submitted, lanes_under_way_.load());
  }
}

void Batcher::CloseBatch() {
  batches_.Close(std::this_thread::get_id());
  batch_is_open_.store(batches_.any_open(), std::memory_order_relaxed);
}

LaneRange Batcher::Next(int64_t most) {
  LaneRange range;
  Finished finished;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Now();
    while (RolloutTask* const task = stopping_ ? nullptr : queue_.Next()) {
      if (task->alone) break;
      if (task->deadline <= now) {
        task->cancelled.store(true);
        if (Withdraw(task)) finished.emplace_back(task, End(task));
        continue;
      }
      const int64_t room = std::min(most, limits_.batch_lanes - lanes_under_way_.load());
      if (room <= 0) break;
      const FairQueue::Turn turn = queue_.Take(room);
      lanes_under_way_ += turn.count;
      engine_took_lanes_ = true;
      if (turn.first == 0) Start(task, now);
      range = {&task->job, turn.first, turn.count};
      break;
    }
    QueueChanged();
  }
  Finish(finished);
  return range;
}

void Batcher::Done(const LaneRange& range, const absl::Status& status) {
  auto* const task = static_cast<RolloutTask*>(range.job->owner);
  lanes_under_way_ -= range.count;
  if (!status.ok()) {
    MutexLock lock(&mutex_);
    task->error.Update(status);
  }
  if (task->lanes_left.fetch_sub(range.count) != range.count) return;
  absl::Status result;
  {
    MutexLock lock(&mutex_);
    result = End(task);
  }
  task->done(result);
}

absl::Status Batcher::End(RolloutTask* task) {
  const absl::Time now = clock_->Now();
  queued_transitions_ -= Transitions(*task);
  if (task->running) running_.erase(task->running_position);
  const absl::Status outcome = Outcome(*task, now);
  if (outcome.ok()) Measure(*task, now);
  if (task->batch == nullptr) return outcome;
  const bool counts = outcome.ok() && task->client != 0;
  const auto executed = batches_.Leave(task->batch, counts ? task->job.lanes : 0, now);
  if (executed) observer_->BatchComputed(executed->lanes, executed->compute);
  return outcome;
}

absl::Status Batcher::Outcome(const RolloutTask& task, absl::Time now) const {
  if (!task.error.ok()) return task.error;
  if (task.deadline <= now) {
    return DeadlinePassed(
        task.deadline, now,
        task.running ? "while the rollout was computed" : "while the request waited");
  }
  if (!task.cancelled.load()) return absl::OkStatus();
  if (stopping_) return absl::UnavailableError(absl::StrCat(model_label_, " is unloaded"));
  return absl::CancelledError(task.running ? "cancelled by the caller during the rollout"
                                           : "cancelled by the caller while waiting");
}

void Batcher::Measure(const RolloutTask& task, absl::Time now) {
  const absl::Duration compute = now - task.started;
  if (task.alone_under_way && !task.alone && task.job.lanes <= 2) {
    lone_transition_ = UpdatedMean(lone_transition_, compute / Transitions(task));
  }
  rate_.Add(Transitions(task), now - std::max(rate_mark_, task.started));
  rate_mark_ = now;
  observer_->TransitionsComputed(Transitions(task));
  if (IsClientsRollout(task)) observer_->RolloutComputed(compute);
}

void Batcher::BetweenTransitions() {
  engine_transitions_.fetch_add(1, std::memory_order_relaxed);
  if (batch_is_open_.load(std::memory_order_relaxed)) {
    MutexLock lock(&mutex_);
    CloseBatch();
  }
  const int64_t deadline = next_deadline_ns_.load(std::memory_order_relaxed);
  if (deadline == kNever) return;
  const absl::Time now = clock_->Now();
  if (absl::ToUnixNanos(now) < deadline) return;
  Finished finished;
  {
    MutexLock lock(&mutex_);
    Expire(now, &finished);
    QueueChanged();
  }
  Finish(finished);
}

void Batcher::Expire(absl::Time now, Finished* finished) {
  std::vector<RolloutTask*> expired;
  int64_t next = kNever;
  queue_.ForEach([&](RolloutTask* task) {
    if (task->deadline <= now) {
      expired.push_back(task);
    } else {
      next = std::min(next, Nanoseconds(task->deadline));
    }
  });
  for (RolloutTask* task : running_) {
    if (task->deadline <= now) {
      task->cancelled.store(true);
    } else {
      next = std::min(next, Nanoseconds(task->deadline));
    }
  }
  for (RolloutTask* task : expired) {
    task->cancelled.store(true);
    if (Withdraw(task)) finished->emplace_back(task, End(task));
  }
  next_deadline_ns_.store(next);
}

void Batcher::Work() {
  mutex_.Lock();
  while (true) {
    while (!stopping_ && (queue_.empty() || engine_busy_)) work_or_stop_.Wait(&mutex_);
    if (stopping_) break;
    engine_busy_ = true;
    RolloutTask* alone = queue_.Next();
    if (alone->alone) {
      alone->taken = queue_.Take(alone->job.lanes).count;
      Start(alone, clock_->Now());
      QueueChanged();
    } else {
      alone = nullptr;
    }
    mutex_.Unlock();
    if (alone != nullptr) {
      ComputeAlone(alone);
    } else {
      ComputeLanes();
    }
    mutex_.Lock();
    engine_busy_ = false;
  }
  Finished left;
  FailRest(&left);
  mutex_.Unlock();
  Finish(left);
}

void Batcher::ComputeLanes() {
  {
    MutexLock lock(&mutex_);
    engine_took_lanes_ = false;
  }
  const absl::Status status = engine_->Compute(*this);
  if (status.ok()) return;
  // What was under way has got its error. An engine that fails before it takes anything would be
  // asked for ever, were nothing failed for it.
  RolloutTask* failed = nullptr;
  absl::Status result;
  {
    MutexLock lock(&mutex_);
    RolloutTask* const next = queue_.Next();
    if (!engine_took_lanes_ && next != nullptr && !next->alone) {
      next->error.Update(status);
      next->cancelled.store(true);
      if (Withdraw(next)) {
        result = End(next);
        failed = next;
      }
      QueueChanged();
    }
  }
  if (failed != nullptr) failed->done(result);
}

void Batcher::ComputeAlone(RolloutTask* task) {
  absl::Status status = absl::OkStatus();
  if (!task->cancelled.load() && task->deadline > clock_->Now()) status = task->alone(*engine_);
  {
    MutexLock lock(&mutex_);
    task->error = status;
    status = End(task);
  }
  task->done(status);
}

void Batcher::FailRest(Finished* finished) {
  while (RolloutTask* const task = queue_.Next()) {
    task->cancelled.store(true);
    if (Withdraw(task)) finished->emplace_back(task, End(task));
  }
  QueueChanged();
}

void Batcher::QueueChanged() {
  const RolloutTask* const next = queue_.Next();
  // Lanes behind work that runs alone do not wait for room: the engine shall come to its end.
  waiting_lanes_.store(next == nullptr || next->alone ? 0 : queue_.lanes(),
                       std::memory_order_relaxed);
  observer_->QueueChanged(queue_.lanes());
}

void Batcher::Finish(const Finished& finished) {
  for (const auto& [task, status] : finished) task->done(status);
}

}  // namespace rollout
