#include "base/available_cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;

TEST(AvailableCoresTest, CountsTheCoresThatTheThreadMayUse) {
  const std::vector<int> before = AvailableCores();
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(NumAvailableCores(), static_cast<int>(before.size()));

  // On a thread of its own, so that the rest of the program keeps its cores.
  std::thread([last = before.back()] {
    ASSERT_OK(StayOn({last}));
    EXPECT_THAT(AvailableCores(), ElementsAre(last));
    EXPECT_EQ(NumAvailableCores(), 1);
    EXPECT_OK(StayOn({}));
    EXPECT_EQ(NumAvailableCores(), 1);
  }).join();
}

}  // namespace
}  // namespace rollout
