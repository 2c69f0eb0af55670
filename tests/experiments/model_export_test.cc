// What a finished run trained becomes a version that loads and reproduces its golden rollouts.
#include "experiments/model_export.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "experiments/gruver/measured_fit.h"
#include "experiments/gruver/rollout_metrics.h"
#include "experiments/gruver/toy_rollouts.h"
#include "experiments/runner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/golden.h"
#include "models/engines/torch/torch_engine.h"
#include "systems/mechanics/equations_of_motion.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

// A comparison whose runs take a moment.
ToyRollouts Small() {
  return ToyRollouts({"small", "a small comparison", {"spring_pendulum_1"}, {kNode}});
}
constexpr char kKey[] = "quick/spring_pendulum_1/NODE/seed0";

class ModelExportTest : public testing::Test {
 protected:
  ModelExportTest() { at::set_num_threads(1); }

  absl::StatusOr<int64_t> Export(const std::vector<RunRecord>& records, const std::string& run) {
    ModelExport request;
    request.run = run;
    request.partial = dir_ / "partial";
    request.repository = dir_ / "models";
    return ExportModel(Small(), records, request, clock_);
  }

  const TemporaryDirectory dir_;
  const RealClock clock_;
};

TEST_F(ModelExportTest, AFinishedRunIsPublishedWithItsCard) {
  // As the experiment's own run at `quick`, made of fewer steps than it has.
  const std::atomic<bool> stop = false;
  std::filesystem::create_directories(dir_ / "partial");
  const auto plan = Small().Plan(Scale::kQuick, 1);
  ASSERT_EQ(plan.size(), 1u);
  const auto record = plan[0].make({stop, PartialFiles(dir_ / "partial", plan[0].key)});
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->key, kKey);
  // The model predicts as the record says.
  const auto read = plan[0].read_model(PartialFiles(dir_ / "partial", kKey) + ".trained");
  ASSERT_TRUE(read.ok()) << read.status();
  const auto predicted = PredictStretches(read->model, read->data.held_out);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const auto mechanics = MakeEquationsOfMotion("spring_pendulum_1");
  EXPECT_EQ(MeasureRollouts(*mechanics, read->data.held_out, *predicted).rollout_error,
            record->metrics.at("rollout_error"));
  const auto version = Export({*record}, kKey);
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(*version, 1);
  const auto checkpoint = ReadCheckpoint(dir_ / "models", "spring-pendulum-1-node", 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_THAT(checkpoint->card, HasSubstr("run `quick/spring_pendulum_1/NODE/seed0`"));
  EXPECT_THAT(checkpoint->card, HasSubstr("| rollout_error | "));
  ASSERT_TRUE(checkpoint->golden.has_value());
  auto engine = MakeTorchEngine(*checkpoint->model, EngineOptions{}, TorchPrecision::kFloat32);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const absl::Status golden =
      CheckGolden(*checkpoint->golden, checkpoint->model->spec, engine->get());
  EXPECT_TRUE(golden.ok()) << golden;
}

TEST_F(ModelExportTest, RefusesWhatIsNotThere) {
  RunRecord record;
  record.key = kKey;
  record.settings = {{"system", "spring_pendulum_1"}, {"model", "NODE"}, {"scale", "quick"}};
  const auto unknown = Export({record}, "quick/spring_pendulum_1/NOD/seed0");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr(kKey));
  EXPECT_EQ(Export({record}, kKey).status().code(), absl::StatusCode::kNotFound);  // its fit
  record.outcome = "diverged: at step 3";
  EXPECT_EQ(Export({record}, kKey).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace rollout
