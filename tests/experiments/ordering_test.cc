#include "experiments/ordering.h"

#include <cmath>

#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(OrderingTest, SaysWhetherHalfOfTheStepsGaveTheSame) {
  EXPECT_EQ(OrderingWithHalf({{"NODE", 3, 30}, {"NODE+SO", 2, 20}, {"HNN", 1, 10}}),
            "HNN < NODE+SO < NODE; the same at half of the steps");
  EXPECT_EQ(OrderingWithHalf({{"NODE", 3, 1}, {"HNN", 2, 2}}),
            "HNN < NODE; at half of the steps NODE < HNN");
}

TEST(OrderingTest, WhatIsNotANumberIsLast) {
  EXPECT_EQ(OrderingWithHalf({{"NODE", NAN, 1}, {"HNN", 2, 2}}),
            "HNN < NODE; at half of the steps NODE < HNN");
}

}  // namespace
}  // namespace rollout
