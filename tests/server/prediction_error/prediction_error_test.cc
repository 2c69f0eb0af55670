// The whole of prediction error, with real rollouts, against the definition computed slowly.
#include "server/prediction_error/prediction_error.h"

#include <cmath>
#include <map>
#include <numbers>

#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

constexpr int kSteps = 300;

// n = 3, nu = 2; position 0 is ignored, position 1 an angle.
TransitionModel SmallModel() {
  SpecChoice choice;
  choice.method = IntegratorMethod::kEuler;
  choice.angular_positions = {1};
  choice.ignored_positions = {0};
  choice.substeps = 1;
  return RandomModel(MakeSpec(choice), 11);
}

std::unique_ptr<Engine> MakeEngine(const TransitionModel& model) {
  auto engine = FusedCpuEngineModule().create(model, EngineOptions{});
  EXPECT_OK(engine);
  return *std::move(engine);
}

// An episode of another model of the same size: something to be wrong about.
TransitionChunk Episode(int steps, const std::string& name = "e") {
  const TransitionModel truth = RandomModel(SmallModel().spec, 12);
  const auto engine = MakeEngine(truth);
  const std::vector<float> start = RandomStates(truth.spec, 1, 13);
  const std::vector<float> controls = RandomControls(truth.spec, 1, steps, 14);
  std::vector<float> states((steps + 1) * 6);
  RolloutJob job;
  job.lanes = 1;
  job.horizon = steps;
  job.initial_states = start;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(states);
  EXPECT_OK(engine->Rollout({&job, 1}));
  TransitionChunk chunk;
  chunk.client = "test";
  chunk.episode = name;
  chunk.num_transitions = steps;
  chunk.states.assign(states.begin(), states.end());
  chunk.controls.assign(controls.begin(), controls.end());
  return chunk;
}

TransitionChunk Part(const TransitionChunk& whole, int first, int count) {
  TransitionChunk part = whole;
  part.first_step = first;
  part.num_transitions = count;
  part.states.assign(whole.states.begin() + first * 6,
                     whole.states.begin() + (first + count + 1) * 6);
  part.controls.assign(whole.controls.begin() + first * 2,
                       whole.controls.begin() + (first + count) * 2);
  return part;
}

PredictionError::RolloutFunction Through(Engine* engine) {
  return [engine](absl::Span<const RolloutJob> jobs) { return engine->Rollout(jobs); };
}

struct Sums {
  int64_t windows = 0;
  double squared = 0.0;
  double baseline = 0.0;
};

// The definition: one rollout for each start and horizon.
std::map<int64_t, Sums> SlowSums(const TransitionModel& model, Engine* engine,
                                 const TransitionChunk& episode) {
  const auto square = [&](int d, double difference) {
    if (d == 1) {
      while (difference > std::numbers::pi) difference -= 2 * std::numbers::pi;
      while (difference <= -std::numbers::pi) difference += 2 * std::numbers::pi;
    }
    return std::pow(difference / model.spec.state_scale[d], 2) / 6;
  };
  std::map<int64_t, Sums> sums;
  for (int64_t h = 1; h <= 256; h *= 2) {
    for (int64_t s = 0; s + h <= episode.num_transitions; s += std::max<int64_t>(1, h / 2)) {
      const double* start = &episode.states[s * 6];
      const double* end = &episode.states[(s + h) * 6];
      std::vector<float> initial(start, start + 6), final_state(6);
      const std::vector<float> controls(&episode.controls[s * 2], &episode.controls[(s + h) * 2]);
      RolloutJob job;
      job.lanes = 1;
      job.horizon = h;
      job.initial_states = initial;
      job.controls = controls;
      job.final_state = absl::MakeSpan(final_state);
      EXPECT_OK(engine->Rollout({&job, 1}));
      Sums& sum = sums[h];
      ++sum.windows;
      for (int d = 0; d < 6; ++d) {
        sum.squared += square(d, final_state[d] - end[d]);
        sum.baseline += square(d, start[d] - end[d]);
      }
    }
  }
  return sums;
}

void ExpectSums(const PredictionErrorReport& report, const std::map<int64_t, Sums>& expected) {
  ASSERT_EQ(report.horizons.size(), 9u);
  for (const PredictionErrorReport::Horizon& horizon : report.horizons) {
    const Sums& sums = expected.at(horizon.horizon);
    EXPECT_EQ(horizon.totals.finite_windows, sums.windows) << horizon.horizon;
    EXPECT_EQ(horizon.totals.non_finite_windows, 0);
    EXPECT_NEAR(horizon.totals.squared_error, sums.squared, 1e-4 * sums.squared);
    EXPECT_NEAR(horizon.totals.baseline_squared_error, sums.baseline, 1e-4 * sums.baseline);
    EXPECT_NEAR(horizon.recent.rmse, std::sqrt(sums.squared / sums.windows), 1e-4);
    EXPECT_NEAR(horizon.recent.skill, 1 - sums.squared / sums.baseline, 1e-3);
  }
}

TEST(PredictionErrorTest, AgreesWithTheDefinitionHoweverTheEpisodeIsReported) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  const TransitionChunk episode = Episode(kSteps);
  const std::map<int64_t, Sums> expected = SlowSums(model, engine.get(), episode);
  ASSERT_EQ(expected.at(256).windows, 1);
  for (const int step : {1, 7, 300}) {
    PredictionError errors(model.spec, Through(engine.get()));
    for (int first = 0; first < kSteps; first += step) {
      ASSERT_OK_AND_ASSIGN(const PredictionError::Reported reported,
                           errors.Report(Part(episode, first, std::min(step, kSteps - first))));
      EXPECT_EQ(reported.joined, first > 0);
      errors.Flush();  // so that nothing is left out, however slow the machine
    }
    const PredictionErrorReport report = errors.Snapshot();
    ExpectSums(report, expected);
    EXPECT_EQ(report.reported_transitions, kSteps);
    EXPECT_EQ(report.windows_left_out, 0);
  }
}

TEST(PredictionErrorTest, BatchesOfAnySizeGiveTheSame) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  const TransitionChunk episode = Episode(kSteps);
  int64_t largest = 0, calls = 0;
  PredictionErrorOptions options;
  options.max_lanes = 5;
  options.max_trajectory_numbers = 600;
  PredictionError errors(
      model.spec,
      [&](absl::Span<const RolloutJob> jobs) {
        int64_t numbers = 0;
        for (const RolloutJob& job : jobs) numbers += static_cast<int64_t>(job.trajectory.size());
        largest = std::max(largest, numbers);
        ++calls;
        return engine->Rollout(jobs);
      },
      options);
  ASSERT_OK(errors.Report(episode));
  errors.Flush();
  ExpectSums(errors.Snapshot(), SlowSums(model, engine.get(), episode));
  EXPECT_GE(calls, kSteps / 5);
  EXPECT_LE(largest, 257 * 6);  // one window may be longer than the limit, two together not
}

TEST(PredictionErrorTest, DistanceFromTheOriginDoesNotMatterToIgnoredPositions) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  TransitionChunk episode = Episode(kSteps);
  const std::map<int64_t, Sums> expected = SlowSums(model, engine.get(), episode);
  for (size_t k = 0; k < episode.states.size(); k += 6) episode.states[k] += 1e6;
  PredictionError errors(model.spec, Through(engine.get()));
  ASSERT_OK(errors.Report(episode));
  errors.Flush();
  ExpectSums(errors.Snapshot(), expected);
}

TEST(PredictionErrorTest, ReportsThatComeTooFastAreSampledAndCounted) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  PredictionErrorOptions options;
  options.max_queued_transitions = 1000;
  PredictionError errors(model.spec, Through(engine.get()), options);
  // Some 9,000 transitions of rollouts.
  ASSERT_OK_AND_ASSIGN(const PredictionError::Reported reported, errors.Report(Episode(1000)));
  EXPECT_GT(reported.windows_left_out, 500);
  errors.Flush();
  const PredictionErrorReport report = errors.Snapshot();
  EXPECT_EQ(report.reported_transitions, 1000);
  EXPECT_GT(report.windows_left_out, 500);
  EXPECT_GT(report.horizons[0].totals.finite_windows, 10);
  EXPECT_LT(report.horizons[0].totals.finite_windows, 500);
}

TEST(PredictionErrorTest, AnEngineThatRefusesIsCountedAndTheNextReportIsComputed) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  bool refuse = true;
  PredictionError errors(model.spec, [&](absl::Span<const RolloutJob> jobs) {
    return refuse ? absl::UnavailableError("device lost") : engine->Rollout(jobs);
  });
  ASSERT_OK(errors.Report(Episode(4, "a")));
  errors.Flush();
  EXPECT_EQ(errors.Snapshot().windows_failed, 4);
  EXPECT_THAT(errors.Snapshot().last_failure,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("device lost")));
  refuse = false;
  ASSERT_OK(errors.Report(Episode(4, "b")));
  errors.Flush();
  EXPECT_EQ(errors.Snapshot().horizons[0].totals.finite_windows, 4);
}

TEST(PredictionErrorTest, DivergedRolloutsAreCountedApart) {
  TransitionModel model = SmallModel();
  for (NamedTensor& tensor : model.weights) {
    if (tensor.name == "output.std") tensor.data.assign(tensor.data.size(), 1e38f);
    if (tensor.name == "mlp.2.bias") tensor.data.assign(tensor.data.size(), 1e38f);
  }
  const auto engine = MakeEngine(model);
  PredictionError errors(model.spec, Through(engine.get()));
  ASSERT_OK(errors.Report(Episode(16)));
  errors.Flush();
  const PredictionErrorReport report = errors.Snapshot();
  EXPECT_GT(report.horizons[4].totals.non_finite_windows, 0);
  EXPECT_EQ(report.horizons[4].recent.diverged_ratio, 1.0);
  EXPECT_TRUE(std::isnan(report.horizons[4].recent.rmse));
}

TEST(PredictionErrorTest, ARefusedReportNamesTheFieldAndCountsForNothing) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  PredictionError errors(model.spec, Through(engine.get()));
  TransitionChunk episode = Episode(4);
  episode.period = 1.0;
  EXPECT_THAT(errors.Report(episode),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("period")));
  EXPECT_EQ(errors.Snapshot().reported_transitions, 0);
}

TEST(PredictionErrorTest, ManyThreadsMayReportAndLookAtOnce) {
  const TransitionModel model = SmallModel();
  const auto engine = MakeEngine(model);
  const TransitionChunk episode = Episode(40);
  PredictionError errors(model.spec, Through(engine.get()));
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      TransitionChunk own = episode;
      own.client = std::to_string(k);
      for (int first = 0; first < 40; first += 5) {
        EXPECT_OK(errors.Report(Part(own, first, 5)));
        EXPECT_LE(errors.Snapshot().reported_transitions, 160);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  errors.Flush();
  const PredictionErrorReport report = errors.Snapshot();
  EXPECT_EQ(report.reported_transitions, 160);
  EXPECT_EQ(report.horizons[0].totals.finite_windows, 160);
}

TEST(PredictionErrorTest, DestructionCancelsTheRolloutAndDropsTheQueue) {
  const TransitionModel model = SmallModel();
  std::atomic<int64_t> calls = 0;
  {
    PredictionErrorOptions options;
    options.max_lanes = 1;
    PredictionError errors(
        model.spec,
        [&](absl::Span<const RolloutJob> jobs) {
          ++calls;
          while (!*jobs[0].cancelled) std::this_thread::yield();
          return absl::OkStatus();
        },
        options);
    ASSERT_OK(errors.Report(Episode(100)));
  }
  EXPECT_LE(calls, 1);
}

}  // namespace
}  // namespace rollout
