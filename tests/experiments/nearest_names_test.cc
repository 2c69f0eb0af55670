#include "experiments/nearest_names.h"

#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(NearestNamesTest, CountsEdits) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("same", "same"), 0);
}

TEST(NearestNamesTest, NamesTheThreeNearest) {
  EXPECT_EQ(UnknownName("system", "chian", {"three_body", "rotor", "chain", "chairs", "china"}),
            "unknown system \"chian\"; the nearest are: chain, china, chairs");
}

}  // namespace
}  // namespace rollout
