#include "server/registry/version_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/registry/version_agreement.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1000);

VersionView Ready(int64_t version) { return {version, VersionState::kReady}; }
VersionView Unloaded(int64_t version) { return {version, VersionState::kUnloaded}; }
VersionView Loading(int64_t version) { return {version, VersionState::kLoading}; }
VersionView Bad(int64_t version) { return {version, VersionState::kQuarantined}; }
VersionView Retryable(int64_t version) {
  VersionView view = Bad(version);
  view.may_retry = true;
  return view;
}
VersionView Gone(VersionView view) {
  view.on_disk = false;
  return view;
}
VersionView Kept(VersionView view) {
  view.kept = true;
  return view;
}
VersionView Barred(VersionView view) {
  view.barred = true;
  return view;
}
VersionView Pinned(VersionView view) {
  view.kept = true;
  view.pinned = true;
  return view;
}
VersionView NamedAgo(VersionView view, absl::Duration ago) {
  view.last_used = kNow - ago;
  return view;
}

struct Case {
  std::string name;
  std::vector<VersionView> versions;  // by rising number
  std::vector<int64_t> load;
  std::vector<int64_t> unload;
  std::vector<int64_t> forget;
  int64_t serving;
};

class DecideVersionsTest : public testing::TestWithParam<Case> {};

TEST_P(DecideVersionsTest, Decides) {
  const VersionPolicy policy;  // 2 versions, 60 s
  const VersionActions actions = DecideVersions(GetParam().versions, policy, kNow);
  EXPECT_THAT(actions.load, ElementsAreArray(GetParam().load));
  EXPECT_THAT(actions.unload, ElementsAreArray(GetParam().unload));
  EXPECT_THAT(actions.forget, ElementsAreArray(GetParam().forget));
  EXPECT_EQ(actions.serving, GetParam().serving);
}

INSTANTIATE_TEST_SUITE_P(
    Table, DecideVersionsTest,
    testing::Values(
        Case{"Nothing", {}, {}, {}, {}, 0},
        Case{"AKeptOneLoadsBesideTheNewest",
             {Kept(Unloaded(1)), Unloaded(2), Ready(3), Ready(4)},
             {1},
             {},
             {},
             4},
        Case{"AKeptOneStays", {Kept(Ready(1)), Ready(2), Ready(3)}, {}, {}, {}, 3},
        Case{"AKeptOneGoesWithItsFolder", {Gone(Kept(Ready(1))), Ready(2)}, {}, {1}, {}, 2},
        Case{"ABarredOneUnloadsAndAnOlderOneTakesItsPlace",
             {Unloaded(1), Ready(2), Barred(Ready(3))},
             {1},
             {3},
             {},
             2},
        Case{"ABarredOneUnloadsThoughItWasJustNamed",
             {Ready(1), Barred(NamedAgo(Ready(2), absl::ZeroDuration()))},
             {},
             {2},
             {},
             1},
        Case{"BarredOnesAreNotLoaded", {Barred(Unloaded(1)), Barred(Retryable(2))}, {}, {}, {}, 0},
        Case{"ThePinnedOneServes", {Pinned(Ready(1)), Ready(2), Ready(3)}, {}, {}, {}, 1},
        Case{"APinnedOneThatIsNotReadyDoesNot", {Pinned(Loading(1)), Ready(2)}, {}, {}, {}, 2},
        Case{"APinnedOneThatIsGoneDoesNot", {Gone(Pinned(Ready(1))), Ready(2)}, {}, {1}, {}, 2},
        Case{"TheNewestTwoLoadTheOlderFirst",
             {Unloaded(1), Unloaded(2), Unloaded(3)},
             {2, 3},
             {},
             {},
             0},
        Case{"NothingMoreWhileTheyLoad", {Unloaded(1), Loading(2), Loading(3)}, {}, {}, {}, 0},
        Case{"TheOlderServesUntilTheNewerIsReady", {Ready(2), Loading(3)}, {}, {}, {}, 2},
        Case{"ABadNewestIsReplacedByAnOlder", {Unloaded(1), Ready(2), Bad(3)}, {1}, {}, {}, 2},
        Case{"OnlyBadOnes", {Bad(1), Bad(2)}, {}, {}, {}, 0},
        Case{"AChangedBadOneIsTriedAgain", {Ready(1), Ready(2), Retryable(3)}, {3}, {}, {}, 2},
        Case{"ANewVersionDisplacesNoneUntilReady",
             {Ready(1), Ready(2), Unloaded(3)},
             {3},
             {},
             {},
             2},
        Case{"TheThirdNewestGoes", {Ready(1), Ready(2), Ready(3)}, {}, {1}, {}, 3},
        Case{"UnlessARequestNamedItLately",
             {NamedAgo(Ready(1), absl::Seconds(59)), Ready(2), Ready(3)},
             {},
             {},
             {},
             3},
        Case{"ButNotForEver",
             {NamedAgo(Ready(1), absl::Seconds(61)), Ready(2), Ready(3)},
             {},
             {1},
             {},
             3},
        Case{"AVanishedVersionGoesAndAnOlderReturns",
             {Unloaded(1), Ready(2), Gone(Ready(3))},
             {1},
             {3},
             {},
             2},
        Case{"AVanishedVersionThatWasNamedServesOnlyThose",
             {Ready(2), NamedAgo(Gone(Ready(3)), absl::Seconds(1))},
             {},
             {},
             {},
             2},
        Case{"WhatIsGoneAndNotLoadedIsForgotten",
             {Gone(Unloaded(1)), Gone(Bad(2)), Ready(3)},
             {},
             {},
             {2, 1},
             3},
        Case{"ALoadInProgressIsNotForgotten", {Gone(Loading(1))}, {}, {}, {}, 0}),
    [](const auto& info) { return info.param.name; });

TransitionModelSpec Spec() {
  TransitionModelSpec spec = MakeSpec({});
  spec.state_names = {"a", "b", "c", "da", "db", "dc"};
  return spec;
}

TEST(CheckAgreementTest, NamesTheFieldAndBothValues) {
  const TransitionModelSpec loaded = Spec();
  EXPECT_OK(CheckAgreement(loaded, 1, loaded));

  TransitionModelSpec candidate = loaded;
  candidate.num_controls = 5;
  EXPECT_THAT(CheckAgreement(loaded, 7, candidate),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("num_controls: got 5, expected 2 as in the loaded version 7")));
  candidate = loaded;
  candidate.transition_dt = 0.5;
  EXPECT_THAT(CheckAgreement(loaded, 1, candidate),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("transition_dt: got 0.5, expected 0.008")));
  candidate = loaded;
  candidate.angular_positions = {1, 2};
  EXPECT_THAT(CheckAgreement(loaded, 1, candidate),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("angular_positions: got [1, 2], expected []")));
  candidate = loaded;
  candidate.ignored_positions = {0};
  EXPECT_FALSE(CheckAgreement(loaded, 1, candidate).ok());
  candidate = loaded;
  candidate.num_positions = 4;
  EXPECT_FALSE(CheckAgreement(loaded, 1, candidate).ok());
  candidate = loaded;
  candidate.state_names[0] = "x";
  EXPECT_THAT(CheckAgreement(loaded, 1, candidate),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("state_names: got [x, b")));
  candidate.state_names.clear();
  EXPECT_OK(CheckAgreement(loaded, 1, candidate)) << "names count only where both give them";
}

TEST(NotableChangesTest, ListsBoundsRewardAndTermination) {
  TransitionModelSpec before = Spec();
  before.control_low = {-1, -1};
  before.control_high = {1, 1};
  TransitionModelSpec after = before;
  EXPECT_THAT(NotableChanges(before, after), ElementsAre());
  after.control_high = {2, 2};
  after.reward = "hopper_v5";
  EXPECT_THAT(NotableChanges(before, after),
              ElementsAre("control_high: [1, 1] -> [2, 2]", "reward: \"\" -> \"hopper_v5\""));
}

}  // namespace
}  // namespace rollout
