#include "base/random.h"

#include <cmath>
#include <set>

#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(RandomTest, GivesThePublishedSequenceOfXoshiro256PlusPlus) {
  Random random(0);
  random.set_state({1, 2, 3, 4});
  for (const uint64_t expected : std::initializer_list<uint64_t>{
           41943041u, 58720359u, 3588806011781223u, 3591011842654386u, 9228616714210784205u,
           9973669472204895162u, 14011001112246962877u, 12406186145184390807u}) {
    EXPECT_EQ(random.NextBits(), expected);
  }
}

TEST(RandomTest, IsAFunctionOfItsSeed) {
  Random a(7), b(7), c(8);
  EXPECT_EQ(a.NextBits(), b.NextBits());
  EXPECT_NE(a.NextBits(), c.NextBits());
}

TEST(RandomTest, ContinuesFromASavedState) {
  Random a(3);
  a.Normal();
  Random b(0);
  b.set_state(a.state());
  EXPECT_EQ(a.Normal(), b.Normal());
}

TEST(RandomTest, UniformHasMeanAndVarianceOfItsInterval) {
  Random random(1);
  double sum = 0, squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Uniform(-1, 3);
    ASSERT_GE(x, -1);
    ASSERT_LT(x, 3);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 1.0, 0.02);
  EXPECT_NEAR(squares / kDraws - 1.0, 16.0 / 12.0, 0.03);
}

TEST(RandomTest, NormalHasUnitVarianceAndTails) {
  Random random(2);
  double sum = 0, squares = 0;
  int beyond_two = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
    beyond_two += std::abs(x) > 2;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
  EXPECT_NEAR(beyond_two / double{kDraws}, 0.0455, 0.003);
}

TEST(RandomTest, UniformIntegerReachesEveryValueEquallyOften) {
  Random random(4);
  int counts[3] = {};
  for (int i = 0; i < 30000; ++i) ++counts[random.UniformInteger(3)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(DeriveSeedTest, NeighbouringSeedsAndIndicesNeverMeet) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t index = 0; index < 100; ++index) seeds.insert(DeriveSeed(seed, index));
  }
  EXPECT_EQ(seeds.size(), 10000u);
}

}  // namespace
}  // namespace rollout
