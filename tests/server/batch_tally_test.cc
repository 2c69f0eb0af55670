#include "server/batching/batch_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/server/batcher_fixture.h"

namespace rollout {
namespace {

using testing::ElementsAre;

TEST_F(BatcherTest, RequestsThatStartTogetherAreOneBatchOfTheirLanes) {
  MakeBatcher({}, 100);
  ASSERT_OK(batcher_->Submit(first_.task()));
  engine_->WaitForLanes(1);
  Caller a(2), b(3, 0.0f, 4), c(1);
  for (Caller* caller : {&a, &b, &c}) ASSERT_OK(batcher_->Submit(caller->task()));
  engine_->Permit();
  engine_->WaitForLanes(6);
  Caller late(5);
  ASSERT_OK(batcher_->Submit(late.task()));
  engine_->Permit();
  engine_->WaitForLanes(8);  // b's and late's
  EXPECT_THAT(observer_.batches(), ElementsAre(1)) << "b keeps its batch open";
  engine_->Open();
  for (Caller* caller : {&a, &b, &c, &late}) EXPECT_OK(caller->Wait());
  EXPECT_THAT(observer_.batches(), ElementsAre(1, 5, 6)) << "in the order of their ends";
}

TEST_F(BatcherTest, ARequestOfWhichLanesWaitForRoomIsInOneBatch) {
  MakeBatcher({}, 2);
  Caller large(5);
  ASSERT_OK(batcher_->Submit(large.task()));
  engine_->Open();
  EXPECT_OK(large.Wait());
  EXPECT_THAT(observer_.batches(), ElementsAre(5));
}

TEST_F(BatcherTest, WhatWasNotAnsweredAndWhatTheServerAsksItselfAreNotCounted) {
  MakeBatcher({}, 100);
  ASSERT_OK(batcher_->Submit(first_.task()));
  engine_->WaitForLanes(1);
  Caller cancelled(2), own(4), answered(3);
  own.task()->client = 0;
  for (Caller* caller : {&cancelled, &own, &answered}) ASSERT_OK(batcher_->Submit(caller->task()));
  engine_->Permit();
  engine_->WaitForLanes(9);
  batcher_->Cancel(cancelled.task());
  engine_->Open();
  for (Caller* caller : {&own, &answered}) EXPECT_OK(caller->Wait());
  EXPECT_TRUE(absl::IsCancelled(cancelled.Wait()));
  EXPECT_THAT(observer_.batches(), ElementsAre(1, 3));
  Caller alone(4);
  alone.task()->alone = [](Engine&) { return absl::OkStatus(); };
  ASSERT_OK(batcher_->Submit(alone.task()));
  EXPECT_OK(alone.Wait());
  EXPECT_THAT(observer_.batches(), ElementsAre(1, 3)) << "what runs alone is no batch";
}

TEST(BatchTallyTest, EachThreadHasABatchOfItsOwnUntilItsNextTransition) {
  BatchTally tally;
  std::thread other([] {});
  const std::thread::id here = std::this_thread::get_id(), there = other.get_id();
  const absl::Time now = absl::UnixEpoch();
  StartedBatch* const a = tally.Join(here, now);
  StartedBatch* const b = tally.Join(there, now + absl::Seconds(1));
  EXPECT_NE(a, b);
  EXPECT_EQ(tally.Join(here, now), a);
  tally.Close(here);
  EXPECT_TRUE(tally.any_open()) << "the other thread's";
  StartedBatch* const c = tally.Join(here, now);
  EXPECT_NE(c, a);
  EXPECT_FALSE(tally.Leave(a, 2, now + absl::Seconds(3)));
  const auto executed = tally.Leave(a, 1, now + absl::Seconds(4));
  ASSERT_TRUE(executed);
  EXPECT_EQ(executed->lanes, 3);
  EXPECT_EQ(executed->compute, absl::Seconds(4));
  EXPECT_FALSE(tally.Leave(b, 0, now)) << "nothing of it was answered";
  tally.Leave(c, 1, now);
  EXPECT_FALSE(tally.any_open());
  other.join();
}

}  // namespace
}  // namespace rollout
