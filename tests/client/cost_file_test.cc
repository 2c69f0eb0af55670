#include "client/rolloutctl/cost_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CostFileTest, FieldsThatAreMissingAreEmpty) {
  ASSERT_OK_AND_ASSIGN(const CostNumbers cost,
                       ReadCost(R"({"state": [1, 0.5], "reference": [0.1, 0.2]})"));
  EXPECT_THAT(cost.state, ElementsAre(1.0f, 0.5f));
  EXPECT_THAT(cost.reference, ElementsAre(0.1f, 0.2f));
  EXPECT_EQ(cost.reference_rows, 1);
  EXPECT_THAT(cost.control, IsEmpty());
  EXPECT_FALSE(cost.add_reward);
}

TEST(CostFileTest, AFileHoldsTheSame) {
  TemporaryDirectory folder;
  WriteFile(folder / "cost.json", R"({"reference": [[1, 2], [3, 4], [5, 6]], "add_reward": true})");
  ASSERT_OK_AND_ASSIGN(const CostNumbers cost, ReadCost((folder / "cost.json").string()));
  EXPECT_EQ(cost.reference_rows, 3);
  EXPECT_THAT(cost.reference, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(cost.add_reward);
}

TEST(CostFileTest, SaysWhatIsWrong) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ReadCost(R"({"speed": [1]})"), StatusIs(kInvalid, HasSubstr("expected state")));
  EXPECT_THAT(ReadCost(R"({"state": 1})"), StatusIs(kInvalid, HasSubstr("state is 1")));
  EXPECT_THAT(ReadCost(R"({"state": [[1]]})"), StatusIs(kInvalid, HasSubstr("a list of numbers")));
  EXPECT_THAT(ReadCost(R"({"reference": 3})"), StatusIs(kInvalid, HasSubstr("reference is 3")));
  EXPECT_THAT(ReadCost("{"), StatusIs(kInvalid, HasSubstr("expected a JSON object")));
  EXPECT_THAT(ReadCost("no.json"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no.json")));
}

}  // namespace
}  // namespace rollout
