#include "server/batching/batcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/retry_pushback.h"

namespace rollout {
namespace {

// Weight of the newest batch in the running mean of the engine's rate.
constexpr double kRateWeight = 0.2;

int64_t Transitions(const RolloutTask& task) { return task.job.lanes * task.job.horizon; }

absl::Status Expired(const RolloutTask& task, absl::Time now, const char* when) {
  return absl::DeadlineExceededError(
      absl::StrCat("deadline passed ", when, ", ", absl::FormatDuration(now - task.deadline),
                   " ago: allow more time, fewer lanes or a shorter horizon"));
}

}  // namespace

Batcher::Batcher(std::string model_label, Engine* engine, const BatchLimits& limits,
                 const Clock* clock, BatchObserver* observer)
    : model_label_(std::move(model_label)),
      engine_(engine),
      limits_(limits),
      clock_(clock),
      observer_(observer),
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

absl::Status Batcher::Submit(RolloutTask* task) {
  const absl::Time now = clock_->Now();
  if (task->deadline <= now) {
    return Expired(*task, now, "before the request could be queued");
  }
  task->submitted = now;
  task->job.cancelled = &task->cancelled;
  {
    MutexLock lock(&mutex_);
    if (stopping_) {
      return absl::UnavailableError(absl::StrCat(model_label_, " is being unloaded: try again"));
    }
    if (HasRoom(waiting_lanes_, task->job.lanes, limits_)) {
      waiting_.push_back(task);
      waiting_lanes_ += task->job.lanes;
      queued_transitions_ += Transitions(*task);
      observer_->QueueChanged(waiting_lanes_);
      work_or_stop_.NotifyOne();
      return absl::OkStatus();
    }
    return WithRetryPushback(
        absl::ResourceExhaustedError(absl::StrCat(
            "queue of ", model_label_, " is full: ", waiting_lanes_, " lanes wait, ",
            task->job.lanes, " more do not fit into --queue-lanes=", limits_.queue_lanes,
            "; retry later or add replicas")),
        RetryDelay(queued_transitions_, transitions_per_second_));
  }
}

void Batcher::RemoveFromQueue(std::list<RolloutTask*>::iterator task) {
  waiting_lanes_ -= (*task)->job.lanes;
  waiting_.erase(task);
}

void Batcher::Cancel(RolloutTask* task) {
  {
    MutexLock lock(&mutex_);
    task->cancelled.store(true);
    const auto position = std::find(waiting_.begin(), waiting_.end(), task);
    if (position == waiting_.end()) return;  // being computed or finished: the flag says it
    RemoveFromQueue(position);
    queued_transitions_ -= Transitions(*task);
    observer_->QueueChanged(waiting_lanes_);
  }
  task->done(absl::CancelledError("cancelled by the caller while waiting"));
}

bool Batcher::TakeBatch(Batch* batch) {
  MutexLock lock(&mutex_);
  while (waiting_.empty() && !stopping_) work_or_stop_.Wait(&mutex_);
  if (stopping_) return false;

  std::vector<WaitingTask> waiting;
  std::vector<std::list<RolloutTask*>::iterator> positions;
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    waiting.push_back({(*it)->job.lanes, (*it)->deadline});
    positions.push_back(it);
  }
  const BatchPlan plan = PlanBatch(waiting, clock_->Now(), limits_);
  for (size_t index : plan.run) {
    batch->run.push_back(*positions[index]);
    RemoveFromQueue(positions[index]);
  }
  for (size_t index : plan.expired) {
    batch->expired.push_back(*positions[index]);
    queued_transitions_ -= Transitions(**positions[index]);
    RemoveFromQueue(positions[index]);
  }
  running_ = batch->run;
  observer_->QueueChanged(waiting_lanes_);
  return true;
}

void Batcher::Compute(const std::vector<RolloutTask*>& tasks) {
  std::vector<RolloutJob> jobs;
  int64_t lanes = 0;
  int64_t transitions = 0;
  const absl::Time start = clock_->Now();
  for (RolloutTask* task : tasks) {
    jobs.push_back(task->job);
    lanes += task->job.lanes;
    transitions += Transitions(*task);
    observer_->TaskStarted(start - task->submitted);
  }

  const absl::Status computed = engine_->Rollout(jobs);

  const absl::Time end = clock_->Now();
  const double seconds = absl::ToDoubleSeconds(end - start);
  // Read before anyone is told: a task may be gone once its `done` was called.
  std::vector<std::pair<RolloutTask*, absl::Status>> results;
  {
    MutexLock lock(&mutex_);
    running_.clear();
    queued_transitions_ -= transitions;
    if (seconds > 0.0 && computed.ok()) {
      const double rate = static_cast<double>(transitions) / seconds;
      transitions_per_second_ =
          transitions_per_second_ == 0.0
              ? rate
              : (1 - kRateWeight) * transitions_per_second_ + kRateWeight * rate;
    }
    for (RolloutTask* task : tasks) {
      absl::Status status = computed;
      if (computed.ok() && task->deadline <= end) {
        status = Expired(*task, end, "while the rollout was computed");
      } else if (computed.ok() && task->cancelled.load()) {
        status = stopping_ ? absl::UnavailableError(absl::StrCat(model_label_, " is unloaded"))
                           : absl::CancelledError("cancelled by the caller during the rollout");
      }
      results.emplace_back(task, std::move(status));
    }
  }
  observer_->BatchComputed(lanes, transitions, end - start);
  for (auto& [task, status] : results) task->done(status);
}

void Batcher::Work() {
  Batch batch;
  while (TakeBatch(&batch)) {
    for (RolloutTask* task : batch.expired) {
      task->done(Expired(*task, clock_->Now(), "while the request waited"));
    }
    if (!batch.run.empty()) Compute(batch.run);
    batch = Batch();
  }
  std::list<RolloutTask*> left;
  {
    MutexLock lock(&mutex_);
    left.swap(waiting_);
    waiting_lanes_ = 0;
    observer_->QueueChanged(0);
  }
  for (RolloutTask* task : left) {
    task->done(absl::UnavailableError(absl::StrCat(model_label_, " is being unloaded: try again")));
  }
}

}  // namespace rollout
