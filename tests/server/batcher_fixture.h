// A batcher on an engine that advances when told to, and its callers.
#ifndef ROLLOUT_TESTS_SERVER_BATCHER_FIXTURE_H_
#define ROLLOUT_TESTS_SERVER_BATCHER_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "server/batching/batcher.h"
#include "tests/server/step_engine.h"
#include "tests/support/status_matchers.h"

namespace rollout {

class CountingObserver final : public BatchObserver {
 public:
  void QueueChanged(int64_t waiting_lanes) override { waiting_lanes_ = waiting_lanes; }
  void RolloutStarted(absl::Duration, int64_t lanes_under_way) override {
    ++started_;
    most_lanes_ = std::max(most_lanes_.load(), lanes_under_way);
  }
  void RolloutComputed(absl::Duration) override { ++computed_; }
  void TransitionsComputed(int64_t transitions) override { transitions_ += transitions; }
  void BatchComputed(int64_t lanes, absl::Duration) override {
    MutexLock lock(&mutex_);
    batches_.push_back(lanes);
  }
  int64_t waiting_lanes() const { return waiting_lanes_; }
  int64_t most_lanes() const { return most_lanes_; }
  int64_t transitions() const { return transitions_; }
  // Clients' rollouts.
  int64_t started() const { return started_; }
  int64_t computed() const { return computed_; }
  // The lanes of each batch that has ended.
  std::vector<int64_t> batches() {
    MutexLock lock(&mutex_);
    return batches_;
  }

 private:
  std::atomic<int64_t> waiting_lanes_{0};
  std::atomic<int64_t> most_lanes_{0};
  std::atomic<int64_t> transitions_{0};
  std::atomic<int64_t> started_{0};
  std::atomic<int64_t> computed_{0};
  Mutex mutex_;
  std::vector<int64_t> batches_ ABSL_GUARDED_BY(mutex_);
};

// One caller: `lanes` lanes of a one-dimensional model; its controls are 0, 1, 2, ...
class Caller {
 public:
  explicit Caller(int64_t lanes, float state = 0.0f, int64_t horizon = 1)
      : state_(state), controls_(lanes * horizon), final_(lanes) {
    for (int64_t i = 0; i < lanes * horizon; ++i) controls_[i] = static_cast<float>(i);
    task_.job.lanes = lanes;
    task_.job.horizon = horizon;
    task_.job.initial_states = {&state_, 1};
    task_.job.controls = controls_;
    task_.job.final_state = absl::MakeSpan(final_);
    task_.client = 1;
    task_.done = [this](const absl::Status& status) {
      MutexLock lock(&mutex_);
      ++calls_;
      // Text of its own: of a shared one the last reference is dropped inside Debian's Abseil,
      // which the thread sanitizer does not see into, so it would take that for a race.
      status_ = absl::Status(status.code(), status.message());
      changed_.NotifyAll();
    };
  }

  RolloutTask* task() { return &task_; }
  const std::vector<float>& final_state() const { return final_; }

  absl::Status Wait() {
    MutexLock lock(&mutex_);
    while (calls_ == 0) changed_.Wait(&mutex_);
    return status_;
  }
  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }

 private:
  float state_;
  std::vector<float> controls_;
  std::vector<float> final_;
  RolloutTask task_;
  Mutex mutex_;
  ConditionVariable changed_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

class BatcherTest : public testing::Test {
 protected:
  void MakeBatcher(const BatchLimits& limits = {}, size_t room = 1 << 20,
                   absl::Duration transition = absl::ZeroDuration()) {
    engine_.emplace(&clock_, room, transition);
    batcher_ =
        std::make_unique<Batcher>("hopper version 3", &*engine_, limits, &clock_, &observer_);
  }
  // Occupies the only lane of the engine with a task of its own, so that what is submitted next
  // waits.
  void MakeOccupiedBatcher(const BatchLimits& limits = {}) {
    MakeBatcher(limits, 1);
    ASSERT_OK(batcher_->Submit(first_.task()));
    engine_->WaitForLanes(1);
  }

  ManualClock clock_;
  CountingObserver observer_;
  Caller first_{1};
  std::optional<StepEngine> engine_;
  std::unique_ptr<Batcher> batcher_;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_BATCHER_FIXTURE_H_
