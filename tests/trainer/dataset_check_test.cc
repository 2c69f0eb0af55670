// Datasets that are spoilt on purpose, each in one way, and those that are not.
#include "trainer/collection/dataset_check.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "systems/system.h"
#include "trainer/collection/collector.h"

namespace rollout {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Dataset {
  DatasetInfo info;
  std::vector<Episode> episodes;

  int width() const { return info.num_positions + info.num_velocities; }
  // Column `i` of every state.
  void ForEachState(int i, const std::function<void(double&)>& change) {
    for (Episode& episode : episodes) {
      for (size_t k = static_cast<size_t>(i); k < episode.states.size(); k += width()) {
        change(episode.states[k]);
      }
    }
  }
  DatasetReport Check() const { return CheckDataset(info, episodes); }
};

Dataset Collect(const std::string& name, int episodes = 60, int steps = 50) {
  const std::unique_ptr<System> system = *MakeSystem(name);
  Dataset dataset{.info = DescribeDataset(system->info()), .episodes = {}};
  EXPECT_TRUE(CollectEpisodes(*system, SinglePolicy(RandomPolicyNamed()),
                              {.episodes = episodes, .seed = 1, .max_episode_steps = steps},
                              [&](const Episode& episode) {
                                dataset.episodes.push_back(episode);
                                return absl::OkStatus();
                              })
                  .ok());
  return dataset;
}

std::vector<std::string> Spoiling(const DatasetReport& report) {
  std::vector<std::string> checks;
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::kSpoils) checks.push_back(finding.check);
  }
  return checks;
}

// The one finding of `check`.
Finding Only(const DatasetReport& report, const std::string& check) {
  std::vector<Finding> findings;
  for (const Finding& finding : report.findings) {
    if (finding.check == check) findings.push_back(finding);
  }
  EXPECT_THAT(findings, SizeIs(1)) << check;
  return findings.empty() ? Finding{} : findings[0];
}

// Controls of every episode moved down by `rows` (up where negative); ends repeat.
void ShiftControls(int rows, Dataset* dataset) {
  const int nu = dataset->info.num_controls;
  for (Episode& episode : dataset->episodes) {
    const std::vector<double> original = episode.actions;
    for (int64_t t = 0; t < episode.num_steps(); ++t) {
      const int64_t from = std::clamp<int64_t>(t - rows, 0, episode.num_steps() - 1);
      std::copy_n(&original[from * nu], nu, &episode.actions[t * nu]);
    }
  }
}

class EveryTaskTest : public testing::TestWithParam<std::string> {};

TEST_P(EveryTaskTest, SoundDatasetIsNotCalledSpoilt) {
  const DatasetReport report = Collect(GetParam(), 80).Check();
  const SystemInfo info = MakeSystem(GetParam()).value()->info();
  if (info.state_names[1] ==
      "p") {  // H = p^2 + ...: dq/dt = 2 p, which a model must not take for v
    EXPECT_THAT(Spoiling(report), ElementsAre("velocity"));
    return;
  }
  EXPECT_FALSE(report.spoilt());
  EXPECT_THAT(Spoiling(report), IsEmpty());
  const bool controlled = info.num_controls > 0;
  ASSERT_EQ(report.control_timing.measured, controlled);
  if (controlled) {
    // A push that swings a chain right round is not linear in its angle.
    const bool chain = GetParam().find("chain") != std::string::npos;
    EXPECT_GT(report.control_timing.explained[-kFirstShift], chain ? 0.1 : 0.3);
  }
}

INSTANTIATE_TEST_SUITE_P(AllTasks, EveryTaskTest, testing::ValuesIn(SystemNames()),
                         [](const auto& info) { return info.param; });

TEST(DatasetCheckTest, SlopesOfASoundDatasetAreOne) {
  const DatasetReport report = Collect("swimmer_v5").Check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.episodes, 60);
  EXPECT_EQ(report.steps, 3000);
  ASSERT_EQ(report.dimensions.size(), 10u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(report.dimensions[i].velocity_slope, 1.0, 0.02) << report.dimensions[i].name;
    EXPECT_GT(report.dimensions[i].velocity_correlation, 0.99);
  }
}

TEST(DatasetCheckTest, WrongDtIsFoundWithTheRightOne) {
  Dataset dataset = Collect("hopper_v5", 100);
  dataset.info.dt = 0.01;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("velocity"));
  EXPECT_THAT(Only(report, "velocity").found,
              AllOf(HasSubstr("dt is given as 0.01"), HasSubstr("0.0080")));
}

TEST(DatasetCheckTest, VelocityInOtherUnitsIsFoundByName) {
  Dataset dataset = Collect("swimmer_v5");
  dataset.ForEachState(8, [](double& v) { v *= 180.0 / std::numbers::pi; });
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("velocity"));
  EXPECT_THAT(Only(report, "velocity").found, AllOf(HasSubstr("motor1_rot"), HasSubstr("0.0174")));
}

TEST(DatasetCheckTest, VelocitiesInAnotherOrderAreFound) {
  Dataset dataset = Collect("swimmer_v5");
  for (Episode& episode : dataset.episodes) {
    for (size_t k = 0; k < episode.states.size(); k += 10) {
      std::swap(episode.states[k + 8], episode.states[k + 9]);
    }
  }
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("velocity", "velocity"));
  EXPECT_THAT(report.findings[0].found, HasSubstr("motor1_rot does not move"));
}

TEST(DatasetCheckTest, WrappedAngleIsFoundWithItsCount) {
  Dataset dataset = Collect("reacher_v5");
  dataset.ForEachState(0, [](double& q) { q = std::remainder(q, 2 * std::numbers::pi); });
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("wrap"));
  EXPECT_THAT(Only(report, "wrap").found, HasSubstr("joint0 wraps"));
  EXPECT_GT(report.dimensions[0].wraps, 20);
  EXPECT_NEAR(report.dimensions[0].velocity_slope, 1.0, 0.01) << "wraps are left out of the slope";
}

TEST(DatasetCheckTest, JumpIsFound) {
  Dataset dataset = Collect("swimmer_v5");
  Episode& episode = dataset.episodes[7];
  for (size_t k = 25 * 10; k < episode.states.size(); k += 10) episode.states[k] += 3.0;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("jump"));
  EXPECT_THAT(Only(report, "jump").found, HasSubstr("slider1 jumps in 1 of 3000 steps"));
}

TEST(DatasetCheckTest, ConstantDimensionsAreWarnedOf) {
  Dataset dataset = Collect("swimmer_v5");
  dataset.ForEachState(4, [](double& q) { q = 0.25; });
  dataset.ForEachState(9, [](double& v) { v = 0.0; });
  for (Episode& episode : dataset.episodes) {
    for (size_t k = 1; k < episode.actions.size(); k += 2) episode.actions[k] = 1.0;
  }
  const DatasetReport report = dataset.Check();
  EXPECT_FALSE(report.spoilt());
  std::vector<std::string> found;
  for (const Finding& finding : report.findings) found.push_back(finding.found);
  EXPECT_THAT(found, ElementsAre("motor2_rot is always 0.25.", "motor2_rot_velocity is always 0.",
                                 "Control motor2_rot is always 1."));
}

TEST(DatasetCheckTest, NumbersThatAreNoneAreFoundByEpisode) {
  Dataset dataset = Collect("swimmer_v5");
  dataset.episodes[3].states[17] = std::numeric_limits<double>::quiet_NaN();
  dataset.episodes[8].actions[0] = HUGE_VAL;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Only(report, "non_finite").found,
              HasSubstr("2 episodes hold NaN or infinite numbers: 3, 8."));
  EXPECT_THAT(Spoiling(report), Contains("non_finite"));
  EXPECT_TRUE(std::isfinite(report.dimensions[7].mean)) << "left out of everything else";
}

TEST(DatasetCheckTest, ControlsOutOfBoundsAreFoundByName) {
  Dataset dataset = Collect("swimmer_v5");
  for (int i = 0; i < 5; ++i) dataset.episodes[i].actions[1] = -1.5;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("control_bounds"));
  EXPECT_THAT(Only(report, "control_bounds").found,
              AllOf(HasSubstr("motor2_rot leaves its bounds [-1, 1] in 5 of 3000 steps"),
                    HasSubstr("up to 0.5")));
  dataset.info.control_low.clear();
  dataset.info.control_high.clear();
  EXPECT_FALSE(dataset.Check().spoilt()) << "no bounds, nothing to leave";
}

TEST(DatasetCheckTest, BoundsThatWentThroughFloat32AreFine) {
  Dataset dataset = Collect("humanoid_v5", 100);
  for (Episode& episode : dataset.episodes) episode.actions[0] = static_cast<double>(0.4f);
  EXPECT_FALSE(dataset.Check().spoilt());
}

class ShiftTest : public testing::TestWithParam<int> {};

TEST_P(ShiftTest, ControlsThatStandInAnotherRowAreFound) {
  for (const char* name : {"swimmer_v5", "hopper_v5", "half_cheetah_v5"}) {
    SCOPED_TRACE(name);
    Dataset dataset = Collect(name, 150);
    // Controls moved up by k rows act k rows after the one they stand in.
    ShiftControls(-GetParam(), &dataset);
    const DatasetReport report = dataset.Check();
    EXPECT_THAT(Spoiling(report), ElementsAre("control_timing"));
    EXPECT_THAT(Only(report, "control_timing").found,
                HasSubstr(GetParam() > 0 ? std::to_string(GetParam()) + " step(s) earlier"
                                         : "1 step(s) later"));
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, ShiftTest, testing::Values(-1, 1, 2, 3), [](const auto& info) {
  return info.param < 0 ? "EarlyByOne" : "LateBy" + std::to_string(info.param);
});

TEST(DatasetCheckTest, ControlsOfOtherEpisodesAreWarnedOf) {
  Dataset dataset = Collect("swimmer_v5", 200);
  const Dataset other = Collect("swimmer_v5", 200);
  for (size_t i = 0; i < 200; ++i) dataset.episodes[i].actions = other.episodes[199 - i].actions;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Only(report, "control_timing").found, HasSubstr("explain nothing"));
  EXPECT_FALSE(report.spoilt());
}

TEST(DatasetCheckTest, EpisodeThatGoesOnAfterItsEndIsFound) {
  Dataset dataset = Collect("swimmer_v5");
  dataset.episodes[4].terminations[20] = 1;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(Spoiling(report), ElementsAre("episode_end"));
  EXPECT_THAT(Only(report, "episode_end").found, HasSubstr("ended them: 4."));
}

TEST(DatasetCheckTest, LittleDataIsWarnedOf) {
  const DatasetReport report = Collect("swimmer_v5", 5).Check();
  EXPECT_FALSE(report.spoilt());
  EXPECT_THAT(Only(report, "too_little_data").found, HasSubstr("5 episodes of 250 steps"));
}

TEST(DatasetCheckTest, EveryFindingSaysWhatToDo) {
  Dataset dataset = Collect("swimmer_v5", 5);
  dataset.info.dt = 0.01;
  dataset.episodes[0].actions[0] = 9;
  dataset.episodes[0].terminations[3] = 1;
  dataset.episodes[1].states[3] = HUGE_VAL;
  const DatasetReport report = dataset.Check();
  EXPECT_THAT(report.findings.size(), testing::Ge(4u));
  EXPECT_THAT(report.findings, Not(Contains(Field(&Finding::remedy, IsEmpty()))));
  for (size_t i = 1; i < report.findings.size(); ++i) {
    EXPECT_LE(report.findings[i - 1].severity, report.findings[i].severity) << "worst first";
  }
}

}  // namespace
}  // namespace rollout
