#include "experiments/runner.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    results_ = *ResultFile::Open(dir_ / "runner.jsonl");
    options_.stop = &stop_;
  }

  // Runs "run0".. that count themselves.
  std::vector<PlannedRun> Plan(int runs) {
    std::vector<PlannedRun> plan;
    for (int i = 0; i < runs; ++i) {
      const std::string key = absl::StrCat("run", i);
      plan.push_back({key, [this, key](const std::atomic<bool>&) -> absl::StatusOr<RunRecord> {
                        ++made_;
                        RunRecord record;
                        record.key = key;
                        return record;
                      }});
    }
    return plan;
  }

  const TemporaryDirectory dir_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> made_ = 0;
  RunnerOptions options_;
  std::unique_ptr<ResultFile> results_;
};

TEST_F(RunnerTest, GoesOnWhereItWasInterrupted) {
  ASSERT_TRUE(MakeRuns(Plan(3), options_, results_.get()).ok());
  options_.threads = 2;
  std::vector<int> reported;
  options_.progress = [&](int done, int total) {
    EXPECT_EQ(total, 8);
    reported.push_back(done);
  };
  const auto summary = MakeRuns(Plan(8), options_, results_.get());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->found, 3);
  EXPECT_EQ(summary->made, 5);
  EXPECT_EQ(made_, 8);
  EXPECT_EQ(reported, (std::vector<int>{3, 4, 5, 6, 7, 8}));
}

TEST_F(RunnerTest, RecordsSayWhichBuildEndedThem) {
  options_.build = "1.2.3";
  ASSERT_TRUE(MakeRuns(Plan(1), options_, results_.get()).ok());
  EXPECT_EQ(results_->records()[0].settings.at("build"), "1.2.3");
}

TEST_F(RunnerTest, CountsDivergedRuns) {
  std::vector<PlannedRun> plan = Plan(1);
  plan.push_back({"bad", [](const std::atomic<bool>&) -> absl::StatusOr<RunRecord> {
                    RunRecord record;
                    record.key = "bad";
                    record.outcome = "diverged: the loss is not finite at step 3";
                    return record;
                  }});
  const auto summary = MakeRuns(plan, options_, results_.get());
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->diverged, 1);
  EXPECT_TRUE(results_->Has("bad"));
}

TEST_F(RunnerTest, AnErrorEndsItAndIsReturned) {
  std::vector<PlannedRun> plan = {
      {"broken", [](const std::atomic<bool>&) -> absl::StatusOr<RunRecord> {
         return absl::InternalError("out of memory");
       }}};
  for (PlannedRun& run : Plan(3)) plan.push_back(run);
  EXPECT_EQ(MakeRuns(plan, options_, results_.get()).status().message(), "out of memory");
  EXPECT_EQ(made_, 0);
}

TEST_F(RunnerTest, StopKeepsWhatIsFinished) {
  std::vector<PlannedRun> plan = Plan(2);
  plan.insert(plan.begin() + 1,
              {"stopping", [this](const std::atomic<bool>&) -> absl::StatusOr<RunRecord> {
                 stop_ = true;
                 RunRecord record;
                 record.key = "stopping";
                 return record;
               }});
  EXPECT_EQ(MakeRuns(plan, options_, results_.get()).status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(results_->Has("run0"));
  EXPECT_FALSE(results_->Has("run1"));
}

}  // namespace
}  // namespace rollout
