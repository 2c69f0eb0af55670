// Work that nobody waits for any more must not delay the living: counted in transitions of the
// engine, never in seconds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "models/engines/fused/fused_engine.h"
#include "tests/server/batcher_fixture.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

using testing::HasSubstr;

TEST_F(BatcherTest, AShortTaskBehindCancelledLongOnesWaitsForNoneOfTheirTransitions) {
  MakeBatcher({}, 24);
  std::deque<Caller> abandoned;
  for (int i = 0; i < 48; ++i) {  // half of them under way, half waiting
    abandoned.emplace_back(1, 0.0f, 10000);
    ASSERT_OK(batcher_->Submit(abandoned.back().task()));
  }
  engine_->FillWithLanes(24);
  const int before = engine_->transitions();
  Caller living(1, 5.0f);
  ASSERT_OK(batcher_->Submit(living.task()));
  // Those that wait first, or they might go under way when the others leave.
  for (auto caller = abandoned.rbegin(); caller != abandoned.rend(); ++caller) {
    batcher_->Cancel(caller->task());
  }
  engine_->WaitForLanes(1);
  engine_->Permit();
  EXPECT_OK(living.Wait());
  EXPECT_EQ(engine_->transitions() - before, 1) << "only its own";
  for (Caller& caller : abandoned) EXPECT_TRUE(absl::IsCancelled(caller.Wait()));
}

TEST_F(BatcherTest, AShortTaskBehindExpiredLongOnesWaitsForOneOfTheirTransitions) {
  MakeBatcher({}, 24);
  std::deque<Caller> expiring;
  for (int i = 0; i < 48; ++i) {
    expiring.emplace_back(1, 0.0f, 10000);
    expiring.back().task()->deadline = clock_.Now() + absl::Milliseconds(i < 24 ? 5 : 6);
    ASSERT_OK(batcher_->Submit(expiring.back().task()));
  }
  engine_->FillWithLanes(24);
  const int before = engine_->transitions();
  Caller living(1, 5.0f);
  living.task()->deadline = clock_.Now() + absl::Hours(1);
  ASSERT_OK(batcher_->Submit(living.task()));
  clock_.Advance(absl::Milliseconds(6));
  engine_->Permit();
  engine_->WaitForLanes(1);
  engine_->Permit();
  EXPECT_OK(living.Wait());
  EXPECT_EQ(engine_->transitions() - before, 2) << "one of theirs and its own";
  for (int i = 0; i < 48; ++i) {
    EXPECT_THAT(expiring[i].Wait(),
                StatusIs(absl::StatusCode::kDeadlineExceeded,
                         HasSubstr(i < 24 ? "while the rollout was computed, 1ms ago"
                                          : "while the request waited")));
  }
}

// The engine that serves, with one thread: 24 long rollouts fill it, a short one waits behind them.
class AbandonedWorkTest : public testing::Test {
 protected:
  static constexpr int kAbandoned = 24;
  static constexpr int kHorizon = 16000;

  struct Call {
    RolloutTask task;
    std::atomic<bool> ended = false;
    absl::Status status;
  };

  AbandonedWorkTest() {
    SpecChoice choice;
    choice.hidden_sizes = {32, 32};
    model_ = RandomModel(MakeSpec(choice), 1);
    states_ = RandomStates(model_.spec, 1, 2);
    controls_ = RandomControls(model_.spec, 1, kHorizon, 3);
    EngineOptions options;
    options.threads = 1;
    auto engine = FusedCpuEngineModule().create(model_, options);
    EXPECT_OK(engine);
    engine_ = *std::move(engine);
    BatchLimits limits;
    limits.batch_lanes = kAbandoned;
    batcher_ =
        std::make_unique<Batcher>("model version 1", engine_.get(), limits, &clock_, &observer_);
  }

  Call& Submit(int64_t horizon, absl::Duration timeout) {
    Call& call = calls_.emplace_back();
    call.task.job.lanes = 1;
    call.task.job.horizon = horizon;
    call.task.job.initial_states = states_;
    call.task.job.controls = absl::MakeConstSpan(controls_).first(
        static_cast<size_t>(horizon * model_.spec.num_controls));
    call.task.client = 1;
    call.task.deadline = clock_.Now() + timeout;
    call.task.done = [&call](const absl::Status& status) {
      call.status = status;
      call.ended.store(true);
    };
    EXPECT_OK(batcher_->Submit(&call.task));
    return call;
  }

  // All long ones are under way, a short one waits.
  Call& SubmitBehindLongOnes(absl::Duration timeout) {
    for (int i = 0; i < kAbandoned; ++i) Submit(kHorizon, timeout);
    while (observer_.most_lanes() < kAbandoned) std::this_thread::yield();
    return Submit(1, absl::Hours(1));
  }

  // How many transitions the engine computes from now until `call` is answered.
  int64_t TransitionsUntilAnswered(const Call& call) {
    const int64_t before = batcher_->engine_transitions();
    while (!call.ended.load()) std::this_thread::yield();
    return batcher_->engine_transitions() - before;
  }

  ManualClock clock_;
  CountingObserver observer_;
  TransitionModel model_;
  std::vector<float> states_, controls_;
  std::unique_ptr<Engine> engine_;
  std::deque<Call> calls_;
  std::unique_ptr<Batcher> batcher_;
};

TEST_F(AbandonedWorkTest, BehindCancelledRolloutsOneTransitionOfTheirsIsWaitedFor) {
  const Call& living = SubmitBehindLongOnes(absl::Hours(1));
  for (int i = 0; i < kAbandoned; ++i) batcher_->Cancel(&calls_[i].task);
  EXPECT_LE(TransitionsUntilAnswered(living), 2) << "at most one of theirs, and its own";
  EXPECT_OK(living.status);
  for (int i = 0; i < kAbandoned; ++i) EXPECT_TRUE(absl::IsCancelled(calls_[i].status));
}

TEST_F(AbandonedWorkTest, BehindExpiredRolloutsOneTransitionOfTheirsIsWaitedFor) {
  const Call& living = SubmitBehindLongOnes(absl::Milliseconds(5));
  clock_.Advance(absl::Milliseconds(6));
  EXPECT_LE(TransitionsUntilAnswered(living), 2) << "at most one of theirs, and its own";
  EXPECT_OK(living.status);
  for (int i = 0; i < kAbandoned; ++i) EXPECT_TRUE(absl::IsDeadlineExceeded(calls_[i].status));
}

// Gradients, which the engine computes one after the other, stop between two transitions as well:
// none of them comes to its end, where it says which lanes diverged.
TEST_F(AbandonedWorkTest, CancelledGradientsAreNotComputedToTheirEnd) {
  constexpr int kGradients = 4;
  constexpr int kLanes = 32;  // seconds of work each
  const std::vector<float> controls = RandomControls(model_.spec, kLanes, kHorizon, 4);
  const std::vector<float> cotangents(static_cast<size_t>(kLanes * model_.spec.state_size()), 1.0f);
  std::vector<float> gradient(controls.size());
  std::vector<std::vector<int32_t>> written_at_the_end(kGradients,
                                                       std::vector<int32_t>(kLanes, -1));
  std::atomic<bool> begun = false;
  for (std::vector<int32_t>& steps : written_at_the_end) {
    Call& call = calls_.emplace_back();
    call.task.job.lanes = kLanes;
    call.task.job.horizon = kHorizon;
    call.task.alone = [&](Engine& engine) {
      begun.store(true);
      GradientJob job;
      job.lanes = kLanes;
      job.horizon = kHorizon;
      job.initial_states = states_;
      job.controls = controls;
      job.final_state_cotangents = cotangents;
      job.cancelled = &call.task.cancelled;
      job.controls_gradient = absl::MakeSpan(gradient);
      job.first_non_finite_step = absl::MakeSpan(steps);
      return engine.Gradient({&job, 1});
    };
    call.task.done = [&call](const absl::Status& status) {
      call.status = status;
      call.ended.store(true);
    };
    ASSERT_OK(batcher_->Submit(&call.task));
  }
  while (!begun.load()) std::this_thread::yield();
  const Call& living = Submit(1, absl::Hours(1));
  for (int i = 0; i < kGradients; ++i) batcher_->Cancel(&calls_[i].task);
  // None where it was answered before this thread began to count.
  EXPECT_LE(TransitionsUntilAnswered(living), 1) << "its own";
  EXPECT_OK(living.status);
  for (int i = 0; i < kGradients; ++i) {
    EXPECT_TRUE(absl::IsCancelled(calls_[i].status));
    EXPECT_THAT(written_at_the_end[i], testing::Each(-1));
  }
}

}  // namespace
}  // namespace rollout
