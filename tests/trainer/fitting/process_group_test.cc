// A fit by several processes (here: threads with a group each) against the same fit by one.
#include "trainer/fitting/process_group.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "ATen/Parallel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/free_port.h"
#include "tests/support/status_matchers.h"
#include "tests/trainer/fitting/pendulum_data.h"
#include "trainer/fitting/fit_run.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

FitOptions SmallFit(int ensemble_size) {
  FitOptions options;
  options.name = "pendulum";
  options.dynamics = {.kind = DynamicsKind::kNodeSo, .hidden_sizes = {16, 16}};
  options.integrator.substeps = 4;
  options.ensemble_size = ensemble_size;
  options.batch = 48;
  options.steps = 60;
  options.learning_rate = 5e-3;
  return options;
}

absl::StatusOr<std::unique_ptr<Fitter>> MakeFitter(const FitData& data, const FitOptions& options,
                                                   ProcessGroup* group) {
  auto statistics = MeasureData(data.training, data.info);
  if (!statistics.ok()) return statistics.status();
  auto spec = MakeFitSpec(data.info, *statistics, options);
  if (!spec.ok()) return spec.status();
  auto set = MakeTrainingSet(data.training, data.info, options.window_states);
  if (!set.ok()) return set.status();
  return Fitter::Create(*std::move(set), *statistics, *spec, options, nullptr, group);
}

FitRunOptions RunIn(ProcessGroup& group) {
  FitRunOptions options;
  options.group = &group;
  return options;
}

// What one process does in its group.
using Part = std::function<absl::Status(ProcessGroup& group)>;

// Runs `part` in `size` processes and returns what each returned.
std::vector<absl::Status> RunTogether(int size, const Part& part) {
  ProcessGroupOptions options;
  options.host = "127.0.0.1";
  options.port = FreePort();
  options.size = size;
  options.timeout = absl::Seconds(60);
  std::vector<absl::Status> statuses(size);
  std::vector<std::thread> threads;
  for (int process = 0; process < size; ++process) {
    threads.emplace_back([&, process] {
      at::set_num_threads(1);
      ProcessGroupOptions mine = options;
      mine.process = process;
      auto group = JoinProcessGroup(mine);
      statuses[process] = group.ok() ? part(**group) : group.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return statuses;
}

class DistributedFitTest : public ::testing::TestWithParam<int> {};

TEST_P(DistributedFitTest, LosesWhatOneProcessLosesOnTheJointBatch) {
  at::set_num_threads(1);
  const FitData data = PendulumData(20, 60);
  for (const int ensemble_size : {1, 2}) {
    SCOPED_TRACE(ensemble_size);
    const FitOptions options = SmallFit(ensemble_size);
    ASSERT_OK_AND_ASSIGN(const auto alone, MakeFitter(data, options, nullptr));
    std::vector<double> expected;
    while (!alone->done()) {
      ASSERT_OK(alone->Step());
      expected.push_back(alone->loss());
    }

    const int size = GetParam();
    std::vector<std::vector<double>> losses(size);
    std::vector<std::vector<float>> parameters(size);
    const auto statuses = RunTogether(size, [&](ProcessGroup& group) {
      auto fitter = MakeFitter(data, options, &group);
      if (!fitter.ok()) return fitter.status();
      const absl::Status status =
          RunFit(**fitter, RunIn(group), RealClock(),
                 [&](const Fitter& now) { losses[group.process()].push_back(now.loss()); });
      parameters[group.process()] = (*fitter)->state().parameters;
      return status;
    });
    for (const absl::Status& status : statuses) ASSERT_OK(status);
    for (int process = 0; process < size; ++process) {
      ASSERT_EQ(losses[process].size(), expected.size());
      // Sums in another order: rounding alone, which 60 steps of Adam amplify a little.
      for (size_t step = 0; step < expected.size(); ++step) {
        EXPECT_NEAR(losses[process][step], expected[step], 1e-4 * expected[step]) << step;
      }
      EXPECT_EQ(losses[process], losses[0]);
      EXPECT_EQ(parameters[process], parameters[0]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, DistributedFitTest, ::testing::Values(2, 3));

TEST(ProcessGroupTest, WhoeverStopsStopsAllAtTheSameStep) {
  const FitData data = PendulumData(10, 40);
  std::atomic<bool> stop = false;
  std::vector<int64_t> steps(2);
  const auto statuses = RunTogether(2, [&](ProcessGroup& group) {
    auto fitter = MakeFitter(data, SmallFit(1), &group);
    if (!fitter.ok()) return fitter.status();
    FitRunOptions run = RunIn(group);
    // Only the second is told, in the middle.
    if (group.process() == 1) run.stop = &stop;
    const absl::Status status = RunFit(**fitter, run, RealClock(), [&](const Fitter& now) {
      if (group.process() == 1 && now.step() == 20) stop = true;
    });
    steps[group.process()] = (*fitter)->step();
    return status;
  });
  for (const absl::Status& status : statuses)
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(steps[0], 21);
  EXPECT_EQ(steps[1], 21);
}

TEST(ProcessGroupTest, ProcessesThatFitDifferentThingsAreTold) {
  const FitData data = PendulumData(10, 40);
  const auto statuses = RunTogether(2, [&](ProcessGroup& group) {
    FitOptions options = SmallFit(1);
    options.seed = group.process();  // other weights
    auto fitter = MakeFitter(data, options, &group);
    if (!fitter.ok()) return fitter.status();
    return RunFit(**fitter, RunIn(group), RealClock(), nullptr);
  });
  for (const absl::Status& status : statuses) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("must agree in the state"));
  }
}

TEST(ProcessGroupTest, ABatchThatCannotBeSharedIsRefused) {
  const FitData data = PendulumData(10, 40);
  const auto statuses = RunTogether(2, [&](ProcessGroup& group) {
    FitOptions options = SmallFit(1);
    options.batch = 33;
    const absl::Status refused = MakeFitter(data, options, &group).status();
    const absl::Status left = group.Finish();
    return left.ok() ? refused : left;
  });
  for (const absl::Status& status : statuses) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("batch: found 33, expected a multiple"));
  }
}

TEST(ProcessGroupTest, AProcessThatNeverComesIsMissed) {
  const int port = FreePort();
  const auto group =
      JoinProcessGroup({.host = "127.0.0.1", .port = port, .size = 2, .timeout = absl::Seconds(1)});
  EXPECT_EQ(group.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(group.status().message()),
              HasSubstr("process 0 of 2 could not meet the others at 127.0.0.1:"));
}

TEST(ProcessGroupTest, OneThatEndsIsMissedByTheOthers) {
  const auto statuses = RunTogether(2, [](ProcessGroup& group) {
    if (group.process() == 0) return absl::OkStatus();  // takes the store with it
    return group.Agree("anything", "same");
  });
  EXPECT_OK(statuses[0]);
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(statuses[1].message()), HasSubstr("has lost the others"));
}

}  // namespace
}  // namespace rollout
