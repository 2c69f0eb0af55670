// Whose lanes go next: the order in which a queue hands out lanes, as text such as "a1:0-31".
#include "server/batching/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

using testing::ElementsAreArray;

// One request of a client, "a" to "z".
struct Request {
  std::string name;  // the client's letter and a number
  int64_t lanes = 1;
  bool alone = false;
};

struct Case {
  std::string name;
  std::vector<Request> requests;
  int64_t most = 1000;  // lanes asked for at a time
  std::vector<std::string> handed_out;
};

class FairQueueTest : public testing::TestWithParam<Case> {
 protected:
  RolloutTask* Push(const Request& request) {
    RolloutTask& task = tasks_.emplace_back();
    task.client = static_cast<uint64_t>(request.name[0]);
    task.job.lanes = request.lanes;
    task.bytes = 10;
    if (request.alone) task.alone = [](Engine&) { return absl::OkStatus(); };
    names_[&task] = request.name;
    queue_.Push(&task);
    return &task;
  }
  std::string TakeText(int64_t most) {
    const FairQueue::Turn turn = queue_.Take(most);
    return absl::StrCat(names_[turn.task], ":", turn.first, "-", turn.first + turn.count - 1);
  }

  std::deque<RolloutTask> tasks_;
  std::map<const RolloutTask*, std::string> names_;
  FairQueue queue_;
};

TEST_P(FairQueueTest, HandsOutInTurns) {
  int64_t lanes = 0;
  for (const Request& request : GetParam().requests) {
    Push(request);
    lanes += request.lanes;
  }
  EXPECT_EQ(queue_.lanes(), lanes);
  EXPECT_EQ(queue_.bytes(), 10 * static_cast<int64_t>(tasks_.size()));
  std::vector<std::string> handed_out;
  while (!queue_.empty()) handed_out.push_back(TakeText(GetParam().most));
  EXPECT_THAT(handed_out, ElementsAreArray(GetParam().handed_out));
  EXPECT_EQ(queue_.lanes(), 0);
  EXPECT_EQ(queue_.bytes(), 0);
  EXPECT_EQ(queue_.Next(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    Table, FairQueueTest,
    testing::Values(Case{"OneRequest", {{"a1", 8}}, 1000, {"a1:0-7"}},
                    Case{"OldestFirst", {{"a1", 2}, {"a2", 3}}, 1000, {"a1:0-1", "a2:0-2"}},
                    Case{
                        "NoMoreThanThereIsRoomFor", {{"a1", 5}}, 2, {"a1:0-1", "a1:2-3", "a1:4-4"}},
                    Case{"ManyLanesYieldAfterATurn",
                         {{"a1", 80}, {"b1", 1}},
                         1000,
                         {"a1:0-31", "b1:0-0", "a1:32-63", "a1:64-79"}},
                    Case{"ATurnGoesOnInTheNextCall",
                         {{"a1", 40}, {"b1", 3}},
                         20,
                         {"a1:0-19", "a1:20-31", "b1:0-2", "a1:32-39"}},
                    Case{"AFloodOfRequestsYieldsAfterATurn",
                         {{"a1", 16}, {"a2", 16}, {"a3", 16}, {"b1", 2}},
                         1000,
                         {"a1:0-15", "a2:0-15", "b1:0-1", "a3:0-15"}},
                    Case{"ThreeClientsTakeTurns",
                         {{"a1", 64}, {"b1", 64}, {"c1", 33}},
                         1000,
                         {"a1:0-31", "b1:0-31", "c1:0-31", "a1:32-63", "b1:32-63", "c1:32-32"}},
                    Case{"WorkThatRunsAloneGoesWhole",
                         {{"a1", 100, true}, {"b1", 1}},
                         1000,
                         {"a1:0-99", "b1:0-0"}}),
    [](const auto& info) { return info.param.name; });

TEST_F(FairQueueTest, WhatIsRemovedIsNotHandedOut) {
  RolloutTask* const a = Push({"a1", 40});
  RolloutTask* const b = Push({"b1", 5});
  Push({"a2", 1});
  EXPECT_EQ(TakeText(8), "a1:0-7");
  queue_.Remove(a);
  EXPECT_EQ(queue_.lanes(), 6);
  queue_.Remove(b);
  EXPECT_EQ(TakeText(8), "a2:0-0");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0);
}

TEST_F(FairQueueTest, AClientThatComesBackTakesTheLastTurn) {
  Push({"a1", 1});
  Push({"b1", 1});
  EXPECT_EQ(TakeText(8), "a1:0-0");
  Push({"a2", 1});
  EXPECT_EQ(TakeText(8), "b1:0-0");
  EXPECT_EQ(TakeText(8), "a2:0-0");
}

TEST_F(FairQueueTest, VisitsEveryTaskOnce) {
  Push({"a1", 1});
  Push({"b1", 1});
  Push({"a2", 1});
  std::string seen;
  queue_.ForEach([&](RolloutTask* task) { absl::StrAppend(&seen, names_[task], " "); });
  EXPECT_EQ(seen, "a1 a2 b1 ");
}

}  // namespace
}  // namespace rollout
