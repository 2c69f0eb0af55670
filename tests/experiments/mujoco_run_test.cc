// The paper's MuJoCo protocol on made-up episodes.
#include "experiments/gruver/mujoco_run.h"

#include <cmath>
#include <filesystem>

#include "base/random.h"
#include "experiments/gruver/mujoco_data.h"
#include "experiments/gruver/mujoco_rollouts.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

// Episodes of a point that a control pushes: dv/dt = u.
FitData PushedPoint(int episodes, int64_t steps) {
  FitData data;
  data.info.id = "test/point-v0";
  data.info.num_positions = data.info.num_velocities = data.info.num_controls = 1;
  data.info.dt = 0.05;
  Random random(1);
  for (int e = 0; e < episodes; ++e) {
    ObservedEpisode episode;
    episode.num_steps = steps;
    double q = random.Normal(), v = random.Normal();
    for (int64_t t = 0; t <= steps; ++t) {
      episode.states.insert(episode.states.end(), {q, v});
      if (t == steps) break;
      const double u = random.Uniform(-1, 1);
      episode.controls.push_back(u);
      q += 0.05 * v;
      v += 0.05 * u;
    }
    (e % 4 == 0 ? data.held_out : data.training).push_back(std::move(episode));
  }
  return data;
}

TEST(MujocoRunTest, TestStretchesAreWholeAndOfHeldOutEpisodes) {
  const FitData data = PushedPoint(8, 50);
  const auto stretches = TakeTestStretches(data, 20);
  ASSERT_TRUE(stretches.ok());
  ASSERT_EQ(stretches->size(), 4u);  // two of each of the two held-out episodes
  for (const ObservedEpisode& stretch : *stretches) {
    EXPECT_EQ(stretch.states.size(), 40u);
    EXPECT_EQ(stretch.controls.size(), 19u);
    EXPECT_NEAR(stretch.states[3] - stretch.states[1], 0.05 * stretch.controls[0], 1e-12);
  }
  EXPECT_EQ(TakeTestStretches(data, 60).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MujocoRunTest, EveryModelRunsAndTheErrorFalls) {
  const FitData data = PushedPoint(12, 100);
  const auto test = TakeTestStretches(data, 20);
  ASSERT_TRUE(test.ok());
  for (const MujocoModel& model :
       {kMujocoNode, kMujocoNodeSo, kMujocoSymOden, kMujocoFairSymOden}) {
    MujocoRun run;
    run.key = "run";
    run.model = model;
    run.steps = model.kind == DynamicsKind::kNode ? 80 : 4;
    const std::atomic<bool> stop = false;
    const std::string partial = testing::TempDir() + "/mujoco_run";
    std::filesystem::remove(partial + ".state");
    const auto record = MakeMujocoRun(run, data, *test, {stop, partial});
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->outcome, "finished") << model.name;
    EXPECT_EQ(record->metrics.at("not_finite"), 0.0);
    EXPECT_EQ(record->settings.at("test_states"), "20");
    if (run.steps == 4) continue;
    EXPECT_LT(record->metrics.at("test_mse"), record->metrics.at("half_test_mse"));
  }
}

TEST(MujocoRolloutsTest, FairRunsAreOfTwoTasksAndSeeds) {
  const MujocoRollouts experiment;
  const auto plan = experiment.Plan(Scale::kPaper, 4);
  EXPECT_EQ(plan.size(), 4u * 4 * 3 + 2 * 2);
  EXPECT_EQ(plan[0].key, "paper/hopper_v5/NODE/seed0");
}

TEST(MujocoRolloutsTest, ClaimsFollowTheErrors) {
  std::vector<RunRecord> records;
  for (const char* task : {"hopper_v5", "walker2d_v5", "swimmer_v5", "half_cheetah_v5"}) {
    for (const auto& [model, error] :
         {std::pair<const char*, double>{"NODE", 0.5}, {"NODE+SO", 0.4}, {"SymODEN", 1.0}}) {
      RunRecord record;
      record.settings = {{"system", task},   {"model", model},         {"scale", "paper"},
                         {"steps", "51200"}, {"test_rollouts", "200"}, {"test_states", "200"}};
      record.metrics = {{"test_mse", error}, {"train_loss", error}};
      records.push_back(record);
    }
  }
  const MujocoRollouts experiment;
  std::map<std::string, std::string> verdicts;
  for (const ClaimResult& claim : experiment.Claims(records)) verdicts[claim.id] = claim.verdict;
  EXPECT_EQ(verdicts["M1"], "holds");
  EXPECT_EQ(verdicts["M2"], "holds");
  EXPECT_EQ(verdicts["M3"], "holds");
  EXPECT_EQ(verdicts["M4"], "does not hold");  // 2.5 times, not 3
  records[1].metrics["train_loss"] = 0.6;      // NODE+SO above NODE on one task
  records[0].metrics["test_mse"] = NAN;        // a rollout of NODE is not finite
  for (const ClaimResult& claim : experiment.Claims(records)) verdicts[claim.id] = claim.verdict;
  EXPECT_EQ(verdicts["M2"], "does not hold");
  EXPECT_EQ(verdicts["M3"], "does not hold");
  EXPECT_NE(experiment.Report(records).find("| hopper_v5 | NODE | 1 | 51200 | inf |"),
            std::string::npos);
}

}  // namespace
}  // namespace rollout
