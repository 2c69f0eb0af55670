#include "server/batching/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "server/batching/retry_pushback.h"
#include "tests/server/batcher_fixture.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(BatcherTest, ALoneTaskGoesAtOnceAndGetsItsOutputs) {
  MakeBatcher();
  engine_->Open();
  Caller caller(3, 10.0f);
  ASSERT_OK(batcher_->Submit(caller.task()));
  EXPECT_OK(caller.Wait());
  EXPECT_THAT(caller.final_state(), ElementsAre(10.0f, 11.0f, 12.0f));
  EXPECT_EQ(observer_.transitions(), 3);
}

TEST_F(BatcherTest, WhatWaitsGoesTogether) {
  MakeBatcher({}, 100);
  ASSERT_OK(batcher_->Submit(first_.task()));
  engine_->WaitForLanes(1);
  Caller a(2), b(3, 5.0f), c(1, 7.0f);
  for (Caller* caller : {&a, &b, &c}) ASSERT_OK(batcher_->Submit(caller->task()));
  EXPECT_EQ(observer_.waiting_lanes(), 6);
  engine_->Permit();
  EXPECT_OK(first_.Wait());
  engine_->WaitForLanes(6);
  engine_->Permit();
  for (Caller* caller : {&a, &b, &c}) EXPECT_OK(caller->Wait());
  EXPECT_THAT(b.final_state(), ElementsAre(5.0f, 6.0f, 7.0f));
  EXPECT_EQ(observer_.waiting_lanes(), 0);
  EXPECT_EQ(engine_->transitions(), 2);
  EXPECT_EQ(observer_.most_lanes(), 6);
}

TEST_F(BatcherTest, AShortTaskJoinsALongOneAndLeavesBeforeIt) {
  MakeBatcher();
  Caller slow(2, 0.0f, 100), quick(1, 3.0f, 2);
  ASSERT_OK(batcher_->Submit(slow.task()));
  engine_->WaitForLanes(2);
  ASSERT_OK(batcher_->Submit(quick.task()));
  for (size_t lanes : {3u, 3u}) {
    engine_->Permit();
    engine_->WaitForLanes(lanes);
  }
  engine_->Permit();
  EXPECT_OK(quick.Wait());
  EXPECT_EQ(engine_->transitions(), 3);
  EXPECT_EQ(slow.calls(), 0);
  engine_->Open();
  EXPECT_OK(slow.Wait());
  EXPECT_EQ(engine_->transitions(), 100);
}

TEST_F(BatcherTest, OneClientsFloodDoesNotStarveAnother) {
  MakeOccupiedBatcher();
  std::deque<Caller> flood;
  for (int i = 0; i < 200; ++i) {
    flood.emplace_back(1);
    flood.back().task()->client = 1;
    ASSERT_OK(batcher_->Submit(flood.back().task()));
  }
  Caller single(1);
  single.task()->client = 2;
  ASSERT_OK(batcher_->Submit(single.task()));
  for (int64_t i = 0; i < FairQueue::kTurnLanes + 2; ++i) {
    engine_->WaitForLanes(1);
    EXPECT_EQ(single.calls(), 0);
    engine_->Permit();
    if (i <= FairQueue::kTurnLanes) engine_->WaitForLanes(1);
  }
  EXPECT_OK(single.Wait());
  EXPECT_EQ(engine_->transitions(), FairQueue::kTurnLanes + 2) << "after one turn of the other's";
  engine_->Open();
  for (Caller& caller : flood) EXPECT_OK(caller.Wait());
}

TEST_F(BatcherTest, AFullQueueRefusesWithAdviceAndTakesAgainLater) {
  BatchLimits limits;
  limits.queue_lanes = 4;
  limits.queue_bytes = 100;
  MakeOccupiedBatcher(limits);
  Caller fits(3), refused(2), large(1);
  fits.task()->bytes = 60;
  large.task()->bytes = 41;
  ASSERT_OK(batcher_->Submit(fits.task()));
  absl::Status status = batcher_->Submit(refused.task());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("queue of hopper version 3 is full: 3 lanes wait, 2 more "
                                         "do not fit into --queue-lanes=4")));
  EXPECT_NE(RetryPushback(status), std::nullopt);
  status = batcher_->Submit(large.task());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               HasSubstr("60 bytes wait, 41 more do not fit into "
                                         "--queue-bytes=100")));
  EXPECT_NE(RetryPushback(status), std::nullopt);
  EXPECT_EQ(refused.calls() + large.calls(), 0);
  engine_->Open();
  EXPECT_OK(fits.Wait());
  for (Caller* caller : {&refused, &large}) {
    ASSERT_OK(batcher_->Submit(caller->task()));
    EXPECT_OK(caller->Wait());
  }
}

TEST_F(BatcherTest, ADeadlineIsHonouredAtArrivalAndAtDequeue) {
  MakeOccupiedBatcher();
  Caller late(1), short_lived(1), patient(1);
  late.task()->deadline = clock_.Now();
  EXPECT_THAT(batcher_->Submit(late.task()),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("could be queued")));
  short_lived.task()->deadline = clock_.Now() + absl::Milliseconds(5);
  patient.task()->deadline = clock_.Now() + absl::Hours(1);
  ASSERT_OK(batcher_->Submit(short_lived.task()));
  ASSERT_OK(batcher_->Submit(patient.task()));
  clock_.Advance(absl::Milliseconds(6));
  engine_->Open();
  EXPECT_THAT(short_lived.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                           HasSubstr("while the request waited, 1ms ago")));
  EXPECT_OK(patient.Wait());
  EXPECT_EQ(engine_->transitions(), 2) << "the first one's and the patient one's";
}

TEST_F(BatcherTest, ACancelledTaskLeavesTheQueueAtOnce) {
  BatchLimits limits;
  limits.queue_lanes = 4;
  MakeOccupiedBatcher(limits);
  Caller abandoned(4), living(4);
  ASSERT_OK(batcher_->Submit(abandoned.task()));
  batcher_->Cancel(abandoned.task());
  EXPECT_EQ(abandoned.calls(), 1);
  EXPECT_THAT(abandoned.Wait(), StatusIs(absl::StatusCode::kCancelled, HasSubstr("while waiting")));
  ASSERT_OK(batcher_->Submit(living.task())) << "its lanes are free again";
  engine_->Open();
  EXPECT_OK(living.Wait());
}

TEST_F(BatcherTest, ACancelledTaskThatIsHalfUnderWayEndsOnce) {
  MakeBatcher({}, 2);
  Caller caller(5, 0.0f, 1000);
  ASSERT_OK(batcher_->Submit(caller.task()));
  engine_->WaitForLanes(2);
  batcher_->Cancel(caller.task());
  EXPECT_THAT(caller.Wait(),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("during the rollout")));
  EXPECT_EQ(engine_->transitions(), 0);
  EXPECT_EQ(observer_.waiting_lanes(), 0);
}

TEST_F(BatcherTest, CancelledBeforeItIsSubmittedIsNotTaken) {
  MakeBatcher();
  Caller caller(1);
  batcher_->Cancel(caller.task());
  EXPECT_THAT(batcher_->Submit(caller.task()),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("on arrival")));
  EXPECT_EQ(caller.calls(), 0);
}

TEST_F(BatcherTest, WhatTheEngineCannotTakeIsRefused) {
  MakeBatcher();
  Caller caller(1);
  caller.task()->job.horizon = 0;
  EXPECT_THAT(batcher_->Submit(caller.task()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no horizon")));
}

TEST_F(BatcherTest, AnErrorOfTheEngineReachesEveryTaskUnderWay) {
  MakeBatcher({}, 2);
  Caller a(1), b(1);
  ASSERT_OK(batcher_->Submit(a.task()));
  engine_->WaitForLanes(1);
  engine_->FailWith(absl::UnavailableError("device lost"));
  engine_->Permit();
  EXPECT_THAT(a.Wait(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("device lost")));
  engine_->FailWith(absl::OkStatus());
  engine_->Open();
  ASSERT_OK(batcher_->Submit(b.task()));
  EXPECT_OK(b.Wait()) << "and the next one may fare better";
}

TEST_F(BatcherTest, AnEngineThatFailsBeforeItTakesAnythingFailsWhatWaits) {
  MakeBatcher();
  engine_->FailWith(absl::UnavailableError("device lost"), /*at_once=*/true);
  Caller a(3), b(2);
  ASSERT_OK(batcher_->Submit(a.task()));
  ASSERT_OK(batcher_->Submit(b.task()));
  for (Caller* caller : {&a, &b}) {
    EXPECT_THAT(caller->Wait(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("device lost")));
  }
}

TEST_F(BatcherTest, WhatRunsAloneWaitsUntilNoLaneIsUnderWay) {
  MakeBatcher();
  Caller before(2, 0.0f, 2), after(1), alone(4);
  ASSERT_OK(batcher_->Submit(before.task()));
  engine_->WaitForLanes(2);
  int transitions = -1;
  alone.task()->alone = [&](Engine& engine) {
    EXPECT_EQ(&engine, &*engine_);
    transitions = engine_->transitions();
    return absl::AbortedError("as it says itself");
  };
  ASSERT_OK(batcher_->Submit(alone.task()));
  ASSERT_OK(batcher_->Submit(after.task()));
  engine_->Permit();
  engine_->WaitForLanes(2);
  EXPECT_EQ(alone.calls(), 0);
  engine_->Permit();
  EXPECT_OK(before.Wait());
  EXPECT_THAT(alone.Wait(), StatusIs(absl::StatusCode::kAborted, HasSubstr("as it says itself")));
  EXPECT_EQ(transitions, 2);
  engine_->Open();
  EXPECT_OK(after.Wait());
}

TEST_F(BatcherTest, OnlyClientsRolloutsCountAsRolloutsAndAllTransitionsCount) {
  MakeBatcher();
  engine_->Open();
  Caller client(2, 0.0f, 3), own(4, 0.0f, 5), alone(1, 0.0f, 7);
  own.task()->client = 0;
  alone.task()->alone = [](Engine&) { return absl::OkStatus(); };
  for (Caller* caller : {&client, &own, &alone}) {
    ASSERT_OK(batcher_->Submit(caller->task()));
    ASSERT_OK(caller->Wait());
  }
  EXPECT_EQ(observer_.started(), 1);
  EXPECT_EQ(observer_.computed(), 1);
  EXPECT_EQ(observer_.transitions(), 2 * 3 + 4 * 5 + 7);
}

TEST_F(BatcherTest, ATinyRolloutIsComputedByItsCallerOnceThatIsKnownToBeShort) {
  MakeBatcher({}, 1 << 20, absl::Microseconds(10));
  engine_->Open();
  Caller unknown(1), tiny(1, 2.0f, 5), longer(1, 0.0f, 6);
  ASSERT_OK(batcher_->Submit(unknown.task()));
  EXPECT_OK(unknown.Wait());
  EXPECT_NE(engine_->last_thread(), std::this_thread::get_id());
  // The engine is free only some time after the last answer: until then it may still be handed on.
  for (int i = 0; engine_->last_thread() != std::this_thread::get_id(); ++i) {
    ASSERT_LT(i, 100000);
    Caller again(1, 2.0f, 5);
    ASSERT_OK(batcher_->Submit(again.task()));
    EXPECT_OK(again.Wait());
    EXPECT_THAT(again.final_state(), ElementsAre(12.0f));
  }
  ASSERT_OK(batcher_->Submit(longer.task()));
  EXPECT_OK(longer.Wait());
  EXPECT_NE(engine_->last_thread(), std::this_thread::get_id()) << "60 us are too long";
}

TEST_F(BatcherTest, EveryTaskIsAnsweredOnShutdown) {
  MakeOccupiedBatcher();
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
  MakeBatcher(limits, 5);
  engine_->Open();
  constexpr int kThreads = 4;
  constexpr int kTasks = 200;
  constexpr float kSums[] = {0.0f, 0.0f + 1.0f, 0.0f + 1.0f + 2.0f};  // of lane 0, by horizon
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        Caller caller(1 + i % 5, static_cast<float>(t), 1 + i % 3);
        caller.task()->client = static_cast<uint64_t>(t);
        if (!batcher_->Submit(caller.task()).ok()) {
          ++refused;
          continue;
        }
        if (i % 3 == 0) batcher_->Cancel(caller.task());
        const absl::Status status = caller.Wait();
        if (status.ok() || absl::IsCancelled(status)) ++answered;
        if (status.ok()) {
          EXPECT_EQ(caller.final_state()[0], static_cast<float>(t) + kSums[i % 3]);
        }
        // Nobody touches a task after its answer, save the canceller above.
        EXPECT_EQ(caller.calls(), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered + refused, kThreads * kTasks);
  EXPECT_GT(observer_.transitions(), 0);
}

}  // namespace
}  // namespace rollout
