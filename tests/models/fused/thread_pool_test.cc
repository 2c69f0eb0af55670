#include "models/engines/fused/thread_pool.h"

#include <sched.h>

#include <atomic>

#include "gtest/gtest.h"

namespace rollout::fused {
namespace {

cpu_set_t Allowed() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  return allowed;
}

void RestrictTo(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  ASSERT_EQ(sched_setaffinity(0, sizeof only, &only), 0);
}

// Both threads of a pool of two compute at once; returns where the other one did.
int ProcessorOfWorker(ThreadPool& pool) {
  std::atomic<int> processor{-1};
  pool.Run([&](int index) {
    if (index > 0) {
      processor = sched_getcpu();
      return;
    }
    while (processor < 0) {
      pool.Summon();
      sched_yield();
    }
  });
  return processor;
}

TEST(ThreadPool, AThreadLeavesTheProcessorOfItsWaker) {
  const cpu_set_t allowed = Allowed();
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "one processor";
  ThreadPool pool(2);
  int beside = 0;
  for (int round = 0; round < 50; ++round) {
    // The caller goes to where the worker was last, so that one of them has to move.
    const int processor = ProcessorOfWorker(pool);
    RestrictTo(processor);
    if (ProcessorOfWorker(pool) == processor) ++beside;
    ASSERT_EQ(sched_setaffinity(0, sizeof allowed, &allowed), 0);
  }
  EXPECT_LE(beside, 5);  // the scheduler may move a thread at any time
}

TEST(ThreadPool, MoreThreadsThanProcessorsShare) {
  const cpu_set_t allowed = Allowed();
  const int threads = CPU_COUNT(&allowed) + 2;
  ThreadPool pool(threads);
  std::atomic<int> arrived{0};
  pool.Run([&](int) {
    ++arrived;
    while (arrived < threads) {
      pool.Summon();
      sched_yield();
    }
  });
  EXPECT_GE(arrived, threads);
}

TEST(ThreadPool, APoolWithoutWorkersComputesOnTheCallingThread) {
  ThreadPool pool(1);
  int calls = 0;
  pool.Run([&](int index) {
    EXPECT_EQ(index, 0);
    ++calls;
    pool.Summon();  // nobody comes
  });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace rollout::fused
