#include "trainer/publishing/training_cycle.h"

#include <ATen/Parallel.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/golden.h"
#include "models/checkpoint/repository.h"
#include "models/engines/torch/torch_engine.h"
#include "nlohmann/json.hpp"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/fitting/pendulum_data.h"
#include "trainer/publishing/live_version.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

class TrainingCycleTest : public ::testing::Test {
 protected:
  TrainingCycleTest() : metrics_(*TrainerMetrics::Create("", "pendulum")) {
    at::set_num_threads(1);
    options_.repository = directory_.path();
    options_.model = "pendulum";
    options_.fit.dynamics = {.kind = DynamicsKind::kNodeSo, .hidden_sizes = {16, 16}};
    options_.fit.integrator = {.method = IntegratorMethod::kConstantAcceleration, .substeps = 2};
    options_.fit.batch = 32;
    options_.fit.learning_rate = 5e-3;
    options_.evaluation = {.longest = 64, .stride = 16};
    options_.command = "rollout-trainer run --model pendulum";
    options_.data_origin = "a pendulum";
  }

  absl::StatusOr<CycleOutcome> Turn(const FitData& data, int64_t steps, StartFrom start_from) {
    options_.fit.steps = steps;
    options_.start_from = start_from;
    return RunTrainingCycle(data, options_, *metrics_, clock_, nullptr);
  }

  const TemporaryDirectory directory_;
  const RealClock clock_;
  TrainingCycleOptions options_;
  std::unique_ptr<TrainerMetrics> metrics_;
};

TEST_F(TrainingCycleTest, PublishesTheFirstVersionAndThenOnlyBetterOnes) {
  const FitData few = PendulumData(8, 64);
  const FitData many = PendulumData(60, 64);
  ASSERT_OK_AND_ASSIGN(const CycleOutcome first, Turn(few, 30, StartFrom::kScratch));
  EXPECT_TRUE(first.published);
  EXPECT_EQ(first.version, 1);
  EXPECT_THAT(first.line, HasSubstr("published pendulum version 1: there was no version before"));

  ASSERT_OK_AND_ASSIGN(const CycleOutcome better, Turn(many, 600, StartFrom::kLive));
  EXPECT_TRUE(better.published) << better.line;
  EXPECT_EQ(better.version, 2);
  EXPECT_THAT(better.line, HasSubstr("better: error -"));
  EXPECT_THAT(better.line, HasSubstr("against live version 1"));

  ASSERT_OK_AND_ASSIGN(const CycleOutcome worse, Turn(many, 30, StartFrom::kScratch));
  EXPECT_FALSE(worse.published) << worse.line;
  EXPECT_THAT(worse.line, HasSubstr("did not publish pendulum: not better: error +"));
  EXPECT_THAT(*ListVersions(directory_.path(), "pendulum"), ::testing::ElementsAre(1, 2));

  const std::string metrics = metrics_->Expose();
  EXPECT_THAT(metrics, HasSubstr("rollout_trainer_publish_total{model=\"pendulum\",result="
                                 "\"published\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("result=\"not_better\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("rollout_trainer_updates_total{model=\"pendulum\"} 660"));
  EXPECT_THAT(metrics,
              HasSubstr("rollout_trainer_error_ratio{bound=\"high\",model=\"pendulum\"} "));

  ASSERT_OK_AND_ASSIGN(const LiveVersion v1, ReadVersion(directory_.path(), "pendulum", 1));
  ASSERT_OK_AND_ASSIGN(const LiveVersion v2, ReadVersion(directory_.path(), "pendulum", 0));
  EXPECT_EQ(v2.version, 2);
  EXPECT_EQ(v1.checkpoint.model->spec.state_scale, v2.checkpoint.model->spec.state_scale);
  EXPECT_GT(v2.checkpoint.model->spec.useful_horizon, 10);
  EXPECT_THAT(v2.checkpoint.card, HasSubstr("From version 1, seed 0: 600 steps of Adam"));
  EXPECT_THAT(v2.checkpoint.card, HasSubstr("rollout-trainer run --model pendulum"));
  ASSERT_TRUE(v2.checkpoint.golden.has_value());
  ASSERT_OK_AND_ASSIGN(const auto engine,
                       MakeTorchEngine(*v2.checkpoint.model, {}, TorchPrecision::kFloat32));
  EXPECT_OK(CheckGolden(*v2.checkpoint.golden, v2.checkpoint.model->spec, engine.get()));
}

TEST_F(TrainingCycleTest, FromLiveNeedsALiveVersion) {
  EXPECT_THAT(Turn(PendulumData(8, 64), 10, StartFrom::kLive),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no readable version of pendulum")));
}

TEST_F(TrainingCycleTest, LiveOrScratchBeginsWithoutALiveVersionAndGoesOnFromOne) {
  ASSERT_OK(Turn(PendulumData(8, 64), 10, StartFrom::kLiveOrScratch));
  ASSERT_OK_AND_ASSIGN(const LiveVersion first, ReadVersion(directory_.path(), "pendulum", 1));
  EXPECT_THAT(first.checkpoint.card, HasSubstr("From random weights"));
  ASSERT_OK(Turn(PendulumData(60, 64), 400, StartFrom::kLiveOrScratch));
  ASSERT_OK_AND_ASSIGN(const LiveVersion second, ReadVersion(directory_.path(), "pendulum", 2));
  EXPECT_THAT(second.checkpoint.card, HasSubstr("From version 1"));
}

TEST_F(TrainingCycleTest, DamagedHighestVersionIsPassedOver) {
  const FitData data = PendulumData(8, 64);
  ASSERT_OK(Turn(data, 10, StartFrom::kScratch));
  options_.fit.seed = 1;
  ASSERT_OK(Turn(PendulumData(60, 64), 400, StartFrom::kLive));
  WriteFile(directory_ / "pendulum/2/weights.safetensors", "damaged");
  ASSERT_OK_AND_ASSIGN(const auto live, FindLiveVersion(directory_.path(), "pendulum"));
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(live->version, 1);
}

TEST_F(TrainingCycleTest, StopLeavesNothingPublished) {
  const std::atomic<bool> stop = true;
  options_.stop = &stop;
  EXPECT_THAT(Turn(PendulumData(8, 64), 10, StartFrom::kScratch),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("interrupted at step 0 of 10")));
  EXPECT_THAT(ListFolder(directory_.path()), ::testing::IsEmpty());
}

TEST_F(TrainingCycleTest, DataOfAnotherSystemAreRefused) {
  ASSERT_OK(Turn(PendulumData(8, 64), 10, StartFrom::kScratch));
  FitData other = PendulumData(8, 64);
  other.info.ignored_positions = {};
  EXPECT_THAT(Turn(other, 10, StartFrom::kLive),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ignored_positions is [0]")));
}

TEST(EvaluateModel, EnsemblesReportCoverageAndRankCorrelation) {
  at::set_num_threads(1);
  const TemporaryDirectory directory;
  const FitData data = PendulumData(40, 64);
  TrainingCycleOptions options;
  options.repository = directory.path();
  options.model = "ensemble";
  options.fit.dynamics = {.kind = DynamicsKind::kNodeSo, .hidden_sizes = {16}};
  options.fit.integrator = {.method = IntegratorMethod::kConstantAcceleration, .substeps = 1};
  options.fit.ensemble_size = 3;
  options.fit.steps = 100;
  options.fit.batch = 32;
  options.fit.learning_rate = 5e-3;
  const auto metrics = *TrainerMetrics::Create("", "ensemble");
  ASSERT_OK(RunTrainingCycle(data, options, *metrics, RealClock(), nullptr));
  ASSERT_OK_AND_ASSIGN(const LiveVersion version, ReadVersion(directory.path(), "ensemble", 1));
  ASSERT_OK_AND_ASSIGN(const DataStatistics statistics, MeasureData(data.training, data.info));
  ASSERT_OK_AND_ASSIGN(
      const EvaluationReport report,
      EvaluateModel(*version.checkpoint.model, data, statistics, {.longest = 32, .stride = 16}));
  ASSERT_FALSE(report.spread.empty());
  for (const SpreadQuality& quality : report.spread) {
    EXPECT_LE(quality.coverage_one, quality.coverage_two);
    EXPECT_GT(quality.coverage_two, 0.05);
  }
  EXPECT_THAT(ReportTable(report), HasSubstr("rank correlation"));
}

TEST(EvaluateModel, ReportsTheEnergyDriftOfHamiltonianKindsAlone) {
  const FitData data = PendulumData(8, 64);
  ASSERT_OK_AND_ASSIGN(const DataStatistics statistics, MeasureData(data.training, data.info));
  for (const DynamicsKind kind : {DynamicsKind::kHnn, DynamicsKind::kNodeSo}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.has_force = kind == DynamicsKind::kHnn;
    choice.num_controls = 1;
    choice.angular_positions = {1};
    choice.ignored_positions = {0};
    choice.hidden_sizes = {8};
    choice.transition_dt = 0.05;
    const TransitionModel model = RandomModel(MakeSpec(choice), 1);
    ASSERT_OK_AND_ASSIGN(const EvaluationReport report,
                         EvaluateModel(model, data, statistics, {.longest = 16, .stride = 16}));
    EXPECT_EQ(report.energy_drift.has_value(), kind == DynamicsKind::kHnn);
    EXPECT_EQ(ReportJson(report).contains("energy_drift"), kind == DynamicsKind::kHnn);
    EXPECT_EQ(ReportTable(report).find("energy drift") != std::string::npos,
              kind == DynamicsKind::kHnn);
  }
}

}  // namespace
}  // namespace rollout
