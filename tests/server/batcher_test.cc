#include "server/batching/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "server/batching/retry_pushback.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixNanos(nanoseconds_.load()); }
  void Advance(absl::Duration by) { nanoseconds_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> nanoseconds_{int64_t{1'000'000'000'000}};
};

class IgnoringObserver final : public BatchObserver {
 public:
  void QueueChanged(int64_t waiting_lanes) override { waiting_lanes_ = waiting_lanes; }
  void BatchComputed(int64_t, int64_t, absl::Duration) override { ++batches_; }
  void TaskStarted(absl::Duration) override {}
  int64_t waiting_lanes() const { return waiting_lanes_; }
  int batches() const { return batches_; }

 private:
  std::atomic<int64_t> waiting_lanes_{0};
  std::atomic<int> batches_{0};
};

// Computes final_state = initial state + sum of controls, lane by lane, once it is let go.
class GatedEngine final : public Engine {
 public:
  absl::Status Check(const RolloutJob&) const override { return absl::OkStatus(); }

  absl::Status Compute(LaneFeed& feed) override {
    std::vector<RolloutJob> jobs;
    while (const RolloutJob* job = feed.Next(1 << 20).job) jobs.push_back(*job);
    {
      MutexLock lock(&mutex_);
      batches_.push_back(jobs.size());
      changed_.NotifyAll();
      while (!open_ && permits_ == 0 && !AnyCancelled(jobs)) {
        changed_.WaitFor(&mutex_, absl::Milliseconds(1));
      }
      if (!open_ && permits_ > 0) --permits_;
      if (!result_.ok()) return result_;
    }
    for (const RolloutJob& job : jobs) {
      const int64_t controls = static_cast<int64_t>(job.controls.size()) / job.lanes;
      for (int64_t lane = 0; lane < job.lanes; ++lane) {
        float sum = job.initial_states[job.initial_states.size() == 1 ? 0 : lane];
        for (int64_t k = 0; k < controls; ++k) sum += job.controls[lane * controls + k];
        if (!job.final_state.empty()) job.final_state[lane] = sum;
      }
    }
    return absl::OkStatus();
  }
  EngineInfo info() const override { return {"gated", "cpu"}; }

  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Permit() {
    MutexLock lock(&mutex_);
    ++permits_;
    changed_.NotifyAll();
  }
  void FailWith(absl::Status result) {
    MutexLock lock(&mutex_);
    result_ = std::move(result);
  }
  void WaitForBatches(size_t count) {
    MutexLock lock(&mutex_);
    while (batches_.size() < count) changed_.Wait(&mutex_);
  }
  std::vector<size_t> batches() {
    MutexLock lock(&mutex_);
    return batches_;
  }

 private:
  static bool AnyCancelled(const std::vector<RolloutJob>& jobs) {
    return std::any_of(jobs.begin(), jobs.end(),
                       [](const RolloutJob& job) { return job.cancelled->load(); });
  }

  Mutex mutex_;
  ConditionVariable changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int permits_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> batches_ ABSL_GUARDED_BY(mutex_);  // jobs of each call
};

// One caller: `lanes` lanes of a one-dimensional model, each with one control equal to its index.
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
    task_.done = [this](const absl::Status& status) {
      MutexLock lock(&mutex_);
      ++calls_;
      status_ = status;
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
  void MakeBatcher(const BatchLimits& limits = {}) {
    batcher_ = std::make_unique<Batcher>("hopper version 3", &engine_, limits, &clock_, &observer_);
  }
  // Occupies the engine with a task of its own, so that what is submitted next waits.
  void OccupyEngine() {
    ASSERT_OK(batcher_->Submit(first_.task()));
    engine_.WaitForBatches(1);
  }

  ManualClock clock_;
  IgnoringObserver observer_;
  GatedEngine engine_;
  Caller first_{1};
  std::unique_ptr<Batcher> batcher_;
};

TEST_F(BatcherTest, ALoneTaskGoesAtOnceAndGetsItsOutputs) {
  MakeBatcher();
  engine_.Open();
  Caller caller(3, 10.0f);
  ASSERT_OK(batcher_->Submit(caller.task()));
  EXPECT_OK(caller.Wait());
  EXPECT_THAT(caller.final_state(), ElementsAre(10.0f, 11.0f, 12.0f));
}

TEST_F(BatcherTest, WhatWaitsGoesTogether) {
  MakeBatcher();
  OccupyEngine();
  Caller a(2), b(3, 5.0f), c(1, 7.0f);
  for (Caller* caller : {&a, &b, &c}) ASSERT_OK(batcher_->Submit(caller->task()));
  EXPECT_EQ(observer_.waiting_lanes(), 6);
  engine_.Open();
  for (Caller* caller : {&first_, &a, &b, &c}) EXPECT_OK(caller->Wait());
  EXPECT_THAT(engine_.batches(), ElementsAre(1u, 3u));
  EXPECT_THAT(b.final_state(), ElementsAre(5.0f, 6.0f, 7.0f));
  EXPECT_EQ(observer_.waiting_lanes(), 0);
}

TEST_F(BatcherTest, AFullQueueRefusesWithAdviceAndTakesAgainLater) {
  BatchLimits limits;
  limits.queue_lanes = 4;
  MakeBatcher(limits);
  OccupyEngine();
  Caller fits(4), refused(1);
  ASSERT_OK(batcher_->Submit(fits.task()));
  const absl::Status status = batcher_->Submit(refused.task());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("queue of hopper version 3 is full: 4 lanes wait, 1 more "
                                         "do not fit into --queue-lanes=4")));
  EXPECT_NE(RetryPushback(status), std::nullopt);
  EXPECT_EQ(refused.calls(), 0);
  engine_.Open();
  EXPECT_OK(fits.Wait());
  ASSERT_OK(batcher_->Submit(refused.task()));
  EXPECT_OK(refused.Wait());
}

TEST_F(BatcherTest, ADeadlineIsHonouredAtArrivalAndAtDequeue) {
  MakeBatcher();
  OccupyEngine();
  Caller late(1), short_lived(1), patient(1);
  late.task()->deadline = clock_.Now();
  EXPECT_THAT(batcher_->Submit(late.task()),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("could be queued")));
  short_lived.task()->deadline = clock_.Now() + absl::Milliseconds(5);
  patient.task()->deadline = clock_.Now() + absl::Hours(1);
  ASSERT_OK(batcher_->Submit(short_lived.task()));
  ASSERT_OK(batcher_->Submit(patient.task()));
  clock_.Advance(absl::Milliseconds(6));
  engine_.Open();
  EXPECT_THAT(short_lived.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                           HasSubstr("while the request waited, 1ms ago")));
  EXPECT_OK(patient.Wait());
  EXPECT_THAT(engine_.batches(), ElementsAre(1u, 1u));
}

TEST_F(BatcherTest, ACancelledTaskLeavesTheQueueAtOnce) {
  BatchLimits limits;
  limits.queue_lanes = 4;
  MakeBatcher(limits);
  OccupyEngine();
  Caller abandoned(4), living(4);
  ASSERT_OK(batcher_->Submit(abandoned.task()));
  batcher_->Cancel(abandoned.task());
  EXPECT_EQ(abandoned.calls(), 1);
  EXPECT_THAT(abandoned.Wait(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("while waiting")));
  ASSERT_OK(batcher_->Submit(living.task())) << "its lanes are free again";
  engine_.Open();
  EXPECT_OK(living.Wait());
}

TEST_F(BatcherTest, ACancelledTaskThatComputesIsFlaggedToTheEngine) {
  MakeBatcher();
  OccupyEngine();  // the engine returns only when a job is flagged
  batcher_->Cancel(first_.task());
  EXPECT_THAT(first_.Wait(),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("during the rollout")));
}

TEST_F(BatcherTest, AnErrorOfTheEngineReachesEveryTaskOfTheBatch) {
  MakeBatcher();
  engine_.FailWith(absl::UnavailableError("device lost"));
  engine_.Open();
  Caller a(1);
  ASSERT_OK(batcher_->Submit(a.task()));
  EXPECT_THAT(a.Wait(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("device lost")));
}

TEST_F(BatcherTest, EveryTaskIsAnsweredOnShutdown) {
  MakeBatcher();
  OccupyEngine();
  Caller waiting(1);
  ASSERT_OK(batcher_->Submit(waiting.task()));
  batcher_.reset();
  EXPECT_THAT(first_.Wait(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("unloaded")));
  EXPECT_THAT(waiting.Wait(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("unloaded")));
  EXPECT_EQ(first_.calls() + waiting.calls(), 2);
}

TEST_F(BatcherTest, ManyCallersAndCancellationsAreEachAnsweredOnce) {
  BatchLimits limits;
  limits.queue_lanes = 64;
  limits.batch_lanes = 16;
  MakeBatcher(limits);
  engine_.Open();
  constexpr int kThreads = 4;
  constexpr int kTasks = 200;
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        Caller caller(1 + i % 5, static_cast<float>(t));
        if (!batcher_->Submit(caller.task()).ok()) {
          ++refused;
          continue;
        }
        if (i % 3 == 0) batcher_->Cancel(caller.task());
        const absl::Status status = caller.Wait();
        if (status.ok() || absl::IsCancelled(status)) ++answered;
        if (status.ok()) {
          EXPECT_EQ(caller.final_state()[0], static_cast<float>(t));
        }
        // Nobody touches a task after its answer, save the canceller above.
        EXPECT_EQ(caller.calls(), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered + refused, kThreads * kTasks);
  EXPECT_GT(observer_.batches(), 0);
}

}  // namespace
}  // namespace rollout
