#include "base/available_cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace rollout {
namespace {

using ::testing::ElementsAre;

TEST(AvailableCoresTest, CountsTheCoresThatTheThreadMayUse) {
  const std::vector<int> before = AvailableCores();
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(NumAvailableCores(), static_cast<int>(before.size()));

  // On a thread of its own, so that the rest of the program keeps its cores.
  std::thread([last = before.back()] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_THAT(AvailableCores(), ElementsAre(last));
    EXPECT_EQ(NumAvailableCores(), 1);
  }).join();
}

}  // namespace
}  // namespace rollout
