#include "base/process_usage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <memory>
#include <thread>

#include "absl/base/config.h"

namespace rollout {
namespace {

TEST(ProcessUsageTest, FollowsWhatTheProcessDoes) {
  const ProcessUsage before = ReadProcessUsage();
  EXPECT_GT(before.resident_bytes, 100e3);
  EXPECT_LE(before.start_time_seconds, static_cast<double>(std::time(nullptr)) + 1);
  EXPECT_GT(before.start_time_seconds, static_cast<double>(std::time(nullptr)) - 3600);

  std::FILE* file = std::fopen("/proc/self/stat", "r");
  std::atomic<bool> done = false;
  std::thread thread([&done] {
    while (!done) std::this_thread::yield();
  });
  ProcessUsage after = ReadProcessUsage();
  EXPECT_EQ(after.open_files, before.open_files + 1);
  EXPECT_EQ(after.threads, before.threads + 1);
  while (after.cpu_seconds == before.cpu_seconds) after = ReadProcessUsage();
  EXPECT_GT(after.cpu_seconds, before.cpu_seconds);
  EXPECT_EQ(after.start_time_seconds, before.start_time_seconds);
  done = true;
  thread.join();
  std::fclose(file);
}

TEST(ProcessUsageTest, TheHeapIsWhatIsNotFreed) {
#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
  GTEST_SKIP() << "a sanitizer allocates in malloc's place";
#endif
  constexpr size_t kBytes = size_t{8} << 20;  // mapped by itself
  constexpr size_t kFewBytes = 64 << 10;      // of an arena
  const double before = ReadProcessUsage().heap_bytes;
  auto block = std::make_unique<char[]>(kBytes);
  std::unique_ptr<char[]> of_a_thread;
  std::thread([&] { of_a_thread = std::make_unique<char[]>(kFewBytes); }).join();
  EXPECT_GE(ReadProcessUsage().heap_bytes, before + kBytes + kFewBytes);
  block.reset();
  EXPECT_GE(ReadProcessUsage().heap_bytes, before + kFewBytes);
  of_a_thread.reset();
  EXPECT_LT(ReadProcessUsage().heap_bytes, before + kFewBytes);
}

}  // namespace
}  // namespace rollout
