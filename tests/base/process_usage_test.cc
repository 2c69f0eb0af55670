#include "base/process_usage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>

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

}  // namespace
}  // namespace rollout
