// A run that is stopped on the way ends with the figures of one that is not.
#include "experiments/gruver/toy_run.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

TEST(ToyRunTest, GoesOnWhereItWasStopped) {
  ToyRun run;
  run.key = "run";
  run.system = "spring_pendulum_1_friction";
  run.steps = 20;
  const TemporaryDirectory dir;
  const std::string partial = dir / "toy_run";
  std::atomic<bool> stop = false;
  const auto whole = MakeToyRun(run, {stop, partial});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_FALSE(std::filesystem::exists(partial + ".state"));
  EXPECT_EQ(whole->outcome, "finished");
  EXPECT_EQ(whole->series.at("energy_error_at").size(), 99u);
  EXPECT_GT(whole->metrics.at("energy_error_as_coded"), 0.0);

  // Stopped before its first step, it leaves a state and no record.
  stop = true;
  EXPECT_TRUE(absl::IsCancelled(MakeToyRun(run, {stop, partial}).status()));
  EXPECT_TRUE(std::filesystem::exists(partial + ".state"));
  stop = false;
  const auto resumed = MakeToyRun(run, {stop, partial});
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  for (const char* metric : {"rollout_error", "energy_error", "half_rollout_error"}) {
    EXPECT_EQ(resumed->metrics.at(metric), whole->metrics.at(metric)) << metric;
  }
  EXPECT_FALSE(std::filesystem::exists(partial + ".json"));
}

}  // namespace
}  // namespace rollout
