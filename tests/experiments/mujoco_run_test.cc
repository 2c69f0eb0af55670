// The paper's MuJoCo protocol on made-up episodes.
#include "experiments/gruver/mujoco_run.h"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "experiments/gruver/measured_fit.h"
#include "experiments/gruver/mujoco_data.h"
#include "experiments/gruver/mujoco_rollouts.h"
#include "experiments/statistics.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"
#include "trainer/fitting/data_statistics.h"

namespace rollout {
namespace {

// Episodes of a point that a control pushes: dv/dt = push u.
FitData PushedPoint(int episodes, int64_t steps, double push = 1.0) {
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
      v += 0.05 * push * u;
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

// The mean squared error in deviations of the training states.
double ErrorOf(const TransitionModel& model, const FitData& data,
               const std::vector<ObservedEpisode>& test) {
  const std::vector<double> deviation = MeasureData(data.training, data.info)->state_std;
  const auto predicted = PredictStretches(model, test);
  std::vector<double> errors;
  size_t i = 0;
  for (const ObservedEpisode& stretch : test) {
    double sum = 0.0;
    for (size_t k = 0; k < stretch.states.size(); ++k) {
      const double error = ((*predicted)[i++] - stretch.states[k]) / deviation[k % 2];
      sum += error * error;
    }
    errors.push_back(sum / static_cast<double>(stretch.states.size()));
  }
  return Mean(errors);
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
    const TemporaryDirectory dir;
    const std::string partial = dir / "mujoco_run";
    const auto record = MakeMujocoRun(run, data, *test, {stop, partial});
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->outcome, "finished") << model.name;
    EXPECT_EQ(record->metrics.at("not_finite"), 0.0);
    EXPECT_EQ(record->settings.at("test_states"), "20");
    // What was trained can be read again, and predicts as the record says.
    const auto read = ReadMujocoModel(run, data, *test, partial + ".trained");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(ErrorOf(read->model, data, *test), record->metrics.at("test_mse")) << model.name;
    if (run.steps == 4) continue;
    EXPECT_LT(record->metrics.at("test_mse"), record->metrics.at("half_test_mse"));
  }
}

// The test error of "the velocity stays what it is".
double ConstantVelocityError(const FitData& data, const std::vector<ObservedEpisode>& test) {
  const std::vector<double> deviation = MeasureData(data.training, data.info)->state_std;
  double sum = 0.0, count = 0.0;
  for (const ObservedEpisode& stretch : test) {
    const double q = stretch.states[0], v = stretch.states[1];
    for (int64_t t = 0; t <= stretch.num_steps; ++t, ++count) {
      const double dq = (q + 0.05 * static_cast<double>(t) * v - stretch.states[2 * t]);
      const double dv = v - stretch.states[2 * t + 1];
      sum += (std::pow(dq / deviation[0], 2) + std::pow(dv / deviation[1], 2)) / 2.0;
    }
  }
  return sum / count;
}

// Accelerations of 1e5: networks that begin with outputs of about one hardly move anything,
// networks whose outputs are scaled by the data's accelerations do.
TEST(MujocoRunTest, ThePapersSymOdenAloneHasNoScaleOnItsOutputs) {
  const FitData data = PushedPoint(12, 100, 1e5);
  const auto test = TakeTestStretches(data, 20);
  ASSERT_TRUE(test.ok());
  const double still = ConstantVelocityError(data, *test);
  for (const MujocoModel& model : {kMujocoSymOden, kMujocoFairSymOden, kMujocoNodeSo}) {
    MujocoRun run;
    run.key = "run";
    run.model = model;
    run.steps = 1;
    const std::atomic<bool> stop = false;
    const TemporaryDirectory dir;
    const auto record = MakeMujocoRun(run, data, *test, {stop, dir / "mujoco_scale"});
    ASSERT_TRUE(record.ok()) << record.status();
    const double change = std::abs(record->metrics.at("test_mse") / still - 1.0);
    if (model.unit_outputs) {
      EXPECT_LT(change, 1e-5) << model.name;
    } else {
      EXPECT_GT(change, 1e-4) << model.name;
    }
  }
}

TEST(MujocoRolloutsTest, FairRunsAreOfTwoTasksAndSeeds) {
  const MujocoRollouts experiment;
  const auto plan = experiment.Plan(Scale::kPaper, 4);
  EXPECT_EQ(plan.size(), 4u * 4 * 3 + 2 * 2);
  EXPECT_EQ(plan[0].key, "paper/hopper_v5/NODE/seed0");
}

// Two threads train two policies at once and neither waits for the other's; and a seed is whole
// before the next begins.
TEST(MujocoRolloutsTest, TheFirstRunsAreOfOneTaskEach) {
  const MujocoRollouts experiment;
  const auto plan = experiment.Plan(Scale::kPaper, 2);
  std::set<std::string> tasks, keys;
  for (int i = 0; i < 4; ++i) {
    const std::vector<std::string> parts = absl::StrSplit(plan[i].key, '/');
    tasks.insert(parts[1]);
  }
  EXPECT_EQ(tasks.size(), 4u);
  for (size_t i = 0; i < plan.size(); ++i) {
    keys.insert(plan[i].key);
    EXPECT_EQ(absl::EndsWith(plan[i].key, i < plan.size() / 2 ? "/seed0" : "/seed1"), true);
  }
  EXPECT_EQ(keys.size(), plan.size());
}

// Errors and losses of every task and model, a little apart from seed to seed.
std::vector<RunRecord> MujocoRecords(int seeds) {
  std::vector<RunRecord> records;
  for (int seed = 0; seed < seeds; ++seed) {
    for (const char* task : {"hopper_v5", "walker2d_v5", "swimmer_v5", "half_cheetah_v5"}) {
      for (const auto& [model, error] :
           {std::pair<const char*, double>{"NODE", 0.5}, {"NODE+SO", 0.4}, {"SymODEN", 1.0}}) {
        RunRecord record;
        record.settings = {{"system", task},   {"model", model},         {"scale", "paper"},
                           {"steps", "51200"}, {"test_rollouts", "200"}, {"test_states", "200"}};
        record.seed = static_cast<uint64_t>(seed);
        const double value = error * (model == std::string("NODE") ? 1.0 + 0.01 * seed : 1.0);
        record.metrics = {{"test_mse", value}, {"train_loss", value}};
        records.push_back(record);
      }
    }
  }
  return records;
}

TEST(MujocoRolloutsTest, ClaimsFollowTheErrors) {
  std::vector<RunRecord> records = MujocoRecords(4);
  const MujocoRollouts experiment;
  std::map<std::string, std::string> verdicts, measured;
  const auto read = [&] {
    for (const ClaimResult& claim : experiment.Claims(records)) {
      verdicts[claim.id] = claim.verdict;
      measured[claim.id] = claim.measured;
    }
  };
  read();
  EXPECT_EQ(verdicts["M1"], "holds");
  EXPECT_EQ(verdicts["M2"], "holds");
  EXPECT_EQ(verdicts["M3"], "holds");
  EXPECT_EQ(verdicts["M4"], "does not hold");  // 2.5 times, not 3
  EXPECT_NE(measured["M1"].find("hopper_v5 1.27 [1.25, 1.29]"), std::string::npos)
      << measured["M1"];
  EXPECT_EQ(measured["M2"].find("fair"), std::string::npos);
  for (int seed = 0; seed < 2; ++seed) {
    for (const char* task : {"hopper_v5", "half_cheetah_v5"}) {
      RunRecord fair = records[2];
      fair.settings["system"] = task;
      fair.settings["model"] = kMujocoFairSymOden.name;
      fair.seed = static_cast<uint64_t>(seed);
      fair.metrics["test_mse"] = 0.25;
      records.push_back(fair);
    }
  }
  read();
  EXPECT_EQ(verdicts["M2"], "holds");  // of the paper's form
  EXPECT_NE(measured["M2"].find("the fair one / NODE, 2 seeds: hopper_v5 0.498 [0.495, 0.5]"),
            std::string::npos)
      << measured["M2"];
  records[1].metrics["train_loss"] = 2.0;  // NODE+SO above NODE on one task
  records[4].metrics["test_mse"] = NAN;    // a rollout of NODE+SO on another is not finite
  read();
  EXPECT_EQ(verdicts["M1"], "does not hold");
  EXPECT_EQ(verdicts["M2"], "holds");
  EXPECT_EQ(verdicts["M3"], "does not hold");
  records[0].metrics["test_mse"] = NAN;
  EXPECT_NE(experiment.Report(records).find("| hopper_v5 | NODE | 4 | 51200 |"), std::string::npos);
}

TEST(MujocoRolloutsTest, FewerThanFourSeedsHaveFiguresWithoutAVerdict) {
  for (const ClaimResult& claim : MujocoRollouts().Claims(MujocoRecords(3))) {
    EXPECT_EQ(claim.verdict, "not run with enough seeds (at `paper`)") << claim.id;
    EXPECT_NE(claim.measured.find("swimmer_v5"), std::string::npos) << claim.measured;
  }
}

}  // namespace
}  // namespace rollout
