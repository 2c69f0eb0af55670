#include "trainer/sac/sac_training.h"

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/sac/point_mass.h"
#include "trainer/sac/actor_file.h"
#include "trainer/sac/policy_evaluation.h"

namespace rollout {
namespace {

using testing::HasSubstr;

SacTrainingOptions SmallTraining(const TemporaryDirectory& dir) {
  SacTrainingOptions options;
  options.sac.hidden_size = 32;
  options.sac.batch_size = 64;
  options.sac.learning_rate = 3e-3;
  options.sac.discount = 0.95;
  options.steps = 2400;
  options.seed = 4;
  options.learning_starts = 200;
  options.replay_capacity = 10000;
  options.evaluation_interval = 400;
  options.snapshots = 3;
  options.out_dir = dir.path();
  options.checkpoint_dir = dir / "checkpoint";
  options.checkpoint_interval = 1000;
  return options;
}

// One training in this process: what a run of the command is.
struct TrainingRun {
  explicit TrainingRun(const SacTrainingOptions& options, int broken_from_step = -1)
      : system(broken_from_step), training(options, &system, &evaluation_system, &clock, &stop) {}

  // Trains; as if a signal came after step `stop_after`.
  absl::Status Train(int64_t stop_after = 1 << 30) {
    return training.Run([&](const SacTraining::Progress& now) { stop = now.step >= stop_after; });
  }

  PointMass system;
  PointMass evaluation_system;
  RealClock clock;
  std::atomic<bool> stop = false;
  SacTraining training;
};

TEST(SacTraining, LearnsAndLeavesActorsThatDoTheTask) {
  const TemporaryDirectory dir;
  const SacTrainingOptions options = SmallTraining(dir);
  TrainingRun run(options);
  ASSERT_OK(run.Train());
  // Without control the mass keeps its place: -40 E[x^2] = -13.3 an episode; braking it optimally
  // costs about a tenth of its way.
  EXPECT_GT(run.training.learning_curve().best_return(), -6.0);
  EXPECT_LE(run.system.largest_control(), 2.0);
  EXPECT_GT(run.system.largest_control(), 1.9);

  EXPECT_THAT(ListFolder(dir.path()),
              testing::ElementsAre("best.safetensors", "checkpoint", "last.safetensors",
                                   "learning_curve.csv", "snapshot-1600.safetensors",
                                   "snapshot-2400.safetensors", "snapshot-800.safetensors"));
  const absl::StatusOr<Actor> best = ReadActorFile(dir / "best.safetensors");
  ASSERT_OK(best);
  const auto policy = ActorPolicy::Create(std::make_shared<const Actor>(*best),
                                          run.evaluation_system.info(), /*stochastic=*/false);
  ASSERT_OK(policy);
  EXPECT_GT(EvaluatePolicy(run.evaluation_system, **policy, 20, 99).mean, -6.0);
}

TEST(SacTraining, GivesTheSameActorForTheSameSeedOnly) {
  const TemporaryDirectory first_dir, second_dir, third_dir;
  SacTrainingOptions options = SmallTraining(first_dir);
  options.steps = 500;
  ASSERT_OK(TrainingRun(options).Train());
  options.out_dir = second_dir.path();
  ASSERT_OK(TrainingRun(options).Train());
  options.out_dir = third_dir.path();
  options.seed = 5;
  ASSERT_OK(TrainingRun(options).Train());
  const std::string first = ReadFile(first_dir / "last.safetensors");
  EXPECT_EQ(first, ReadFile(second_dir / "last.safetensors"));
  EXPECT_NE(first, ReadFile(third_dir / "last.safetensors"));
}

TEST(SacTraining, ContinuesWhereItWasStopped) {
  const TemporaryDirectory dir;
  SacTrainingOptions options = SmallTraining(dir);
  options.steps = 1000;
  ASSERT_OK(TrainingRun(options).Train(/*stop_after=*/700));
  TrainingRun second(options);
  ASSERT_OK(second.training.Resume());
  EXPECT_EQ(second.training.step(), 700);
  ASSERT_OK(second.Train());
  EXPECT_EQ(second.training.step(), 1000);
  std::vector<int64_t> steps;
  for (const LearningCurveRow& row : second.training.learning_curve().rows) {
    steps.push_back(row.step);
  }
  EXPECT_THAT(steps, testing::ElementsAre(400, 700, 800, 1000));
}

TEST(SacTraining, RefusesToContinueAnotherTraining) {
  const TemporaryDirectory dir;
  SacTrainingOptions options = SmallTraining(dir);
  options.steps = 300;
  EXPECT_THAT(TrainingRun(options).training.Resume(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("")));
  ASSERT_OK(TrainingRun(options).Train());
  options.sac.discount = 0.9;
  EXPECT_THAT(TrainingRun(options).training.Resume(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("discount is 0.95")));
}

TEST(SacTraining, StopsWithAnErrorWhenItDiverges) {
  const TemporaryDirectory dir;
  TrainingRun run(SmallTraining(dir), /*broken_from_step=*/150);
  EXPECT_THAT(run.Train(), StatusIs(absl::StatusCode::kDataLoss,
                                    testing::AllOf(HasSubstr("point_mass"), HasSubstr("seed 4"),
                                                   HasSubstr("not finite"))));
}

TEST(LearningCurve, NamesTheLineThatIsNotARow) {
  const TemporaryDirectory dir;
  LearningCurve curve;
  curve.rows = {{.step = 10, .return_mean = 1.5}, {.step = 20, .return_mean = -2.25}};
  ASSERT_OK(WriteLearningCurve(dir / "curve.csv", curve));
  const auto read = ReadLearningCurve(dir / "curve.csv");
  ASSERT_OK(read);
  EXPECT_EQ(read->rows.size(), 2u);
  EXPECT_EQ(read->rows[1].return_mean, -2.25);
  WriteFile(dir / "curve.csv", ReadFile(dir / "curve.csv") + "30,1\n");
  EXPECT_THAT(ReadLearningCurve(dir / "curve.csv"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 4")));
}

}  // namespace
}  // namespace rollout
