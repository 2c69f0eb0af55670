#include "server/registry/version_overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(VersionOverridesTest, ReadsServedVersionsAndLabels) {
  OverridesByModel overrides;
  ASSERT_OK(ParseServedVersions("hopper:3, hopper:5,walker:1,", &overrides));
  ASSERT_OK(ParseLabels("stable=hopper:3,canary=ant:2", &overrides));
  EXPECT_THAT(overrides["hopper"].only, ElementsAre(3, 5));
  EXPECT_THAT(overrides["walker"].only, ElementsAre(1));
  EXPECT_THAT(overrides["hopper"].labels, ElementsAre(Pair("stable", 3)));
  EXPECT_THAT(overrides["ant"].labels, ElementsAre(Pair("canary", 2)));
}

TEST(VersionOverridesTest, RefusesWhatItCannotRead) {
  OverridesByModel overrides;
  for (const char* text : {"hopper", "hopper:0", "hopper:03", "hopper:x", ":3", "../up:1"}) {
    EXPECT_THAT(ParseServedVersions(text, &overrides),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(text), HasSubstr("hopper:3"))));
  }
  for (const char* text : {"stable", "stable=hopper", "7=hopper:3", "=hopper:3", "a b=hopper:3"}) {
    EXPECT_THAT(ParseLabels(text, &overrides),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected")));
  }
}

TEST(VersionOverridesTest, SaysWhatStaysAndWhatIsBarred) {
  VersionOverrides overrides;
  EXPECT_FALSE(overrides.Keeps(1));
  EXPECT_FALSE(overrides.Bars(1));
  overrides.labels["stable"] = 1;
  overrides.only = {2};
  EXPECT_TRUE(overrides.Keeps(1)) << "it carries a label";
  EXPECT_FALSE(overrides.Bars(1));
  EXPECT_TRUE(overrides.Keeps(2));
  EXPECT_TRUE(overrides.Bars(3)) << "it is not among the only ones";
  overrides.kept.insert(3);
  EXPECT_FALSE(overrides.Bars(3)) << "Admin loaded it";
  overrides.all_barred = true;
  EXPECT_TRUE(overrides.Bars(1));
  EXPECT_FALSE(overrides.Bars(3)) << "it was loaded by name after the model was unloaded";
  overrides.barred.insert(3);
  EXPECT_TRUE(overrides.Bars(3));
}

}  // namespace
}  // namespace rollout
