#include "client/rolloutctl/load_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "client/rolloutctl/echo.h"
#include "client/rolloutctl/latencies.h"

namespace rollout {
namespace {

TEST(Latencies, PercentilesAreValuesThatOccurred) {
  Latencies latencies;
  for (int i = 100; i >= 1; --i) latencies.Add(absl::Milliseconds(i));
  EXPECT_EQ(latencies.Percentile(0.5), absl::Milliseconds(50));
  EXPECT_EQ(latencies.Percentile(0.99), absl::Milliseconds(99));
  EXPECT_EQ(latencies.Percentile(1.0), absl::Milliseconds(100));
  EXPECT_EQ(latencies.Percentile(0.0), absl::Milliseconds(1));
}

TEST(Latencies, HistogramHasABarForEachFactorOfTwo) {
  Latencies latencies;
  for (int i = 0; i < 8; ++i) latencies.Add(absl::Milliseconds(1));
  latencies.Add(absl::Milliseconds(5));
  EXPECT_EQ(latencies.Histogram(), "1 ms █ ▁ 5 ms");
  EXPECT_EQ(Latencies().Histogram(), "");
  EXPECT_EQ(Latencies().Percentile(0.5), absl::ZeroDuration());
}

TEST(Echo, AnswersEveryCallOfALoad) {
  const auto echo = Echo::Start(/*request_bytes=*/100, /*reply_bytes=*/5 << 20, /*channels=*/2);
  ASSERT_TRUE(echo.ok()) << echo.status();
  std::atomic<int> in_flight = 0, highest = 0;
  const LoadResult result = GenerateLoad(
      [&](std::function<void(absl::Status)> done) {
        int now = ++in_flight;
        for (int seen = highest; now > seen && !highest.compare_exchange_weak(seen, now);) {
        }
        (*echo)->Call([&, done](absl::Status status) {
          --in_flight;
          done(status);
        });
      },
      /*concurrency=*/3, absl::Milliseconds(50));
  EXPECT_GE(result.latencies.size(), 3u);
  EXPECT_TRUE(result.failures.empty()) << result.first_failure;
  EXPECT_EQ(in_flight, 0);
  EXPECT_LE(highest, 3);
}

TEST(GenerateLoad, CountsFailuresByCode) {
  std::atomic<int> calls = 0;
  const LoadResult result = GenerateLoad(
      [&](std::function<void(absl::Status)> done) {
        ++calls;
        done(absl::ResourceExhaustedError("queue full"));
      },
      /*concurrency=*/1, absl::ZeroDuration());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(result.failures.at("RESOURCE_EXHAUSTED"), 1);
  EXPECT_EQ(result.first_failure, "queue full");
  EXPECT_TRUE(result.latencies.empty());
}

}  // namespace
}  // namespace rollout
