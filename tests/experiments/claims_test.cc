#include "experiments/claims.h"

#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(ClaimsTest, HoldsIsSaidOfPaperScaleAlone) {
  EXPECT_EQ(VerdictOf(Rule::kMet, "paper"), "holds");
  EXPECT_EQ(VerdictOf(Rule::kNotMet, "paper"), "does not hold");
  EXPECT_EQ(VerdictOf(Rule::kMet, "short"), "not run at paper scale; at `short` met");
  EXPECT_EQ(VerdictOf(Rule::kNotMet, "quick"), "not run at paper scale; at `quick` not met");
  EXPECT_EQ(VerdictOf(Rule::kTooFewSeeds, "paper"), "not run with enough seeds (at `paper`)");
}

TEST(ClaimsTest, EveryPartHasItsVerdict) {
  EXPECT_EQ(VerdictOf({{"(a)", true}, {"(b)", false}}, "paper"), "(a) holds, (b) does not hold");
  EXPECT_EQ(VerdictOf({{"(a)", false}, {"(b)", true}}, "short"),
            "not run at paper scale; at `short` (a) not met, (b) met");
}

TEST(ClaimsTest, ReplacesMeasuredCellsOfItsRowsAlone) {
  const std::string page =
      "# Claims\n| id | claim | measured | |\n|---|---|---|---|\n| T1 | one | | not run: this |\n"
      "| T10 | ten | old | holds |\n";
  EXPECT_EQ(ReplaceClaims(page, {{"T1", "1.5", "does not hold"}, {"T2", "2", "holds"}}),
            "# Claims\n| id | claim | measured | |\n|---|---|---|---|\n"
            "| T1 | one | 1.5 | does not hold |\n| T10 | ten | old | holds |\n");
  const std::string twice =
      ReplaceClaims(ReplaceClaims(page, {{"T10", "a", "b"}}), {{"T10", "c", "d"}});
  EXPECT_NE(twice.find("| T10 | ten | c | d |\n"), std::string::npos);
}

}  // namespace
}  // namespace rollout
