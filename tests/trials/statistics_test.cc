// How trials tell windows of swaps, percentiles and failures from what clients logged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/swap_windows.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::Pair;

RequestRecord Answered(int64_t due, int64_t latency, uint64_t version) {
  RequestRecord record;
  record.due_ns = due;
  record.latency_ns = latency;
  record.version = version;
  return record;
}

RequestRecord Failed(absl::StatusCode code) {
  RequestRecord record;
  record.code = static_cast<int32_t>(code);
  return record;
}

std::vector<std::pair<int64_t, int64_t>> Spans(const SwapWindows& windows) {
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (const TimeSpan& span : windows.spans) spans.emplace_back(span.begin_ns, span.end_ns);
  return spans;
}

TEST(SwapWindowsTest, AWindowLastsUntilTheVersionOrANewerOneHasAnswered) {
  const std::vector<RequestRecord> records = {Answered(0, 10, 1), Answered(100, 20, 2),
                                              Answered(150, 10, 2), Answered(300, 50, 4)};
  const SwapWindows windows =
      FindSwapWindows({{2, 90, true}, {3, 280, true}, {5, 400, true}, {6, 500, false}}, records, 5);
  // The damaged version 6 counts as long as the median of the others: 35 and 75.
  EXPECT_THAT(Spans(windows), ElementsAre(Pair(90, 125), Pair(280, 355), Pair(500, 575)));
  EXPECT_THAT(windows.never_answered, ElementsAre(5));
  EXPECT_EQ(windows.median_ns, 75);
}

TEST(SwapWindowsTest, WindowsThatOverlapAreOne) {
  const std::vector<RequestRecord> records = {Answered(100, 50, 2), Answered(150, 50, 3)};
  EXPECT_THAT(Spans(FindSwapWindows({{2, 90, true}, {3, 120, true}}, records, 0)),
              ElementsAre(Pair(90, 200)));
}

TEST(SwapWindowsTest, ARequestMeetsAWindowThatItsLifeTouches) {
  const std::vector<TimeSpan> spans = {{100, 200}, {300, 400}};
  EXPECT_FALSE(MeetsAny(Answered(0, 99, 1), spans));
  EXPECT_TRUE(MeetsAny(Answered(0, 100, 1), spans));
  EXPECT_TRUE(MeetsAny(Answered(150, 10, 1), spans));
  EXPECT_TRUE(MeetsAny(Answered(0, 1000, 1), spans));
  EXPECT_FALSE(MeetsAny(Answered(210, 80, 1), spans));
  EXPECT_FALSE(MeetsAny(Answered(401, 10, 1), spans));
}

TEST(RequestLogTest, PercentilesAreOfWhatSucceeded) {
  std::vector<RequestRecord> records = {Failed(absl::StatusCode::kUnavailable)};
  for (int i = 1; i <= 100; ++i) records.push_back(Answered(0, i * 1'000'000, 1));
  EXPECT_EQ(LatencyPercentile(records, 0.99), 99);
  EXPECT_EQ(LatencyPercentile(records, 0.5), 50);
  EXPECT_EQ(LatencyPercentile(records, 1), 100);
  EXPECT_TRUE(std::isnan(LatencyPercentile({}, 0.5)));
  EXPECT_EQ(CountFailures(records), 1);
}

TEST(RequestLogTest, SeveralClientsLogsAreReadInTheOrderOfTime) {
  const TemporaryDirectory folder;
  RequestLog first((folder / "first").string());
  RequestLog second((folder / "second").string());
  first.Add(Answered(1, 1, 1));
  first.Add(Answered(30, 1, 1));
  second.Add(Answered(20, 1, 1));
  second.AddFailure(Answered(40, 1, 1), absl::UnavailableError("gone"));
  ASSERT_OK(first.Flush());
  ASSERT_OK(second.Flush());
  WriteFile(folder / "second", ReadFile(folder / "second") + "half a record of a killed client");
  ASSERT_OK_AND_ASSIGN(const auto records, ReadRequestLogs({(folder / "first").string(),
                                                            (folder / "second").string()}));
  std::vector<int64_t> due;
  for (const RequestRecord& record : records) due.push_back(record.due_ns);
  EXPECT_THAT(due, ElementsAre(1, 20, 30, 40));
  EXPECT_THAT(CountCodes(records), ElementsAre(Pair("OK", 3), Pair("UNAVAILABLE", 1)));
  EXPECT_THAT(second.FirstMessages(), ElementsAre(Pair(14, "gone")));
}

TEST(RightAnswersTest, AnAnswerOfAnotherVersionIsWrong) {
  ASSERT_OK_AND_ASSIGN(const TransitionModelSpec spec, TrialSpec("small"));
  RightAnswers right(spec, {2, 3});
  ASSERT_OK_AND_ASSIGN(const uint64_t digest, right.DigestOf(1, 0));
  RequestRecord good = Answered(0, 1, 1);
  good.digest = digest;
  RequestRecord stale = good;
  stale.version = 2;
  EXPECT_EQ(*CountWrongAnswers({good, stale, Failed(absl::StatusCode::kCancelled)}, &right), 1);
}

}  // namespace
}  // namespace rollout
