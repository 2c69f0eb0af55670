#include "experiments/regression.h"

#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(RegressionTest, FindsALineAndWhatItExplains) {
  const StraightLine exact = FitLine({{0, 1, 2}, {1, 3, 5}});
  EXPECT_DOUBLE_EQ(exact.slope, 2.0);
  EXPECT_DOUBLE_EQ(exact.intercept, 1.0);
  EXPECT_DOUBLE_EQ(exact.r_squared, 1.0);
  // Means 1 and 4/3; deviations' products sum to 1, squares to 2 and 14/3 - 4 = 2/3.
  const StraightLine rough = FitLine({{0, 1, 2}, {1, 1, 2}});
  EXPECT_DOUBLE_EQ(rough.slope, 0.5);
  EXPECT_NEAR(rough.r_squared, 0.75, 1e-12);
}

// Two groups on parallel lines of slope 1, one unit apart.
TEST(RegressionTest, InterceptsOfGroupsExplainTheRest) {
  const GroupedLines lines =
      FitGroupedLines({{"a", {{0, 1, 2}, {0, 1, 2}}}, {"b", {{0, 1, 2}, {1, 2, 3}}}});
  EXPECT_DOUBLE_EQ(lines.pooled.slope, 1.0);
  EXPECT_DOUBLE_EQ(lines.slope, 1.0);
  EXPECT_DOUBLE_EQ(lines.r_squared, 1.0);
  EXPECT_LT(lines.pooled.r_squared, 0.8);
  EXPECT_DOUBLE_EQ(lines.intercepts.at("b") - lines.intercepts.at("a"), 1.0);
  EXPECT_DOUBLE_EQ(lines.mean_residual.at("a"), -0.5);
  EXPECT_DOUBLE_EQ(lines.mean_residual.at("b"), 0.5);
}

}  // namespace
}  // namespace rollout
