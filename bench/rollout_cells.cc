#include "bench/rollout_cells.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/bench_models.h"
#include "bench/fma_peak.h"
#include "tests/support/random_model.h"

namespace rollout::bench {
namespace {

constexpr double kTolerance = 1e-3;  // between contenders, of the spread

// The peak of `threads` threads at once.
double PeakOf(int threads) {
  std::vector<double> peaks(threads);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&peaks, i] { peaks[i] = MeasureFmaPeak(); });
  }
  peaks[0] = MeasureFmaPeak();
  for (std::thread& other : others) other.join();
  double sum = 0.0;
  for (double peak : peaks) sum += peak;
  return sum;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0.0 : values[values.size() / 2];
}

// A contender in a cell, and the times that its runs took.
struct Runner {
  Contender* contender = nullptr;
  double deviation = 0.0;
  std::vector<double> times;
  double spent_ms = 0.0;
  double best_cpu_ms = 1e18;

  bool Needs(absl::Duration budget) const {
    return times.size() < 3 || spent_ms < absl::ToDoubleMilliseconds(budget);
  }

  absl::Status Run() {
    const auto time = contender->Run();
    if (!time.ok()) return time.status();
    best_cpu_ms = std::min(best_cpu_ms, time->cpu_ms);
    times.push_back(time->ms);
    spent_ms += time->ms;
    return absl::OkStatus();
  }
};

Case MakeCase(const TransitionModel& model, const RolloutCell& cell, int horizon) {
  Case work;
  work.model = model;
  work.batch = cell.batch;
  work.horizon = horizon;
  work.gradient = cell.gradient;
  work.initial = RandomStates(model.spec, cell.batch, 2);
  work.controls = RandomControls(model.spec, cell.batch, horizon, 3);
  return work;
}

// The largest difference, in units of the spread of each of `width` numbers.
double LargestDeviation(const std::vector<float>& a, const std::vector<float>& b, int width) {
  double largest = 0.0;
  for (int d = 0; d < width; ++d) {
    double low = a[d];
    double high = a[d];
    double difference = 0.0;
    for (size_t i = d; i < a.size(); i += width) {
      low = std::min(low, double(a[i]));
      high = std::max(high, double(a[i]));
      const double error = std::abs(double(a[i]) - b[i]);
      difference = std::isnan(error) ? INFINITY : std::max(difference, error);
    }
    const double spread =
        std::max({high - low, 1e-3 * std::max(std::abs(low), std::abs(high)), 1e-6});
    largest = std::max(largest, difference / spread);
  }
  return largest;
}

// Milliseconds that `contender` takes for the first `horizon` transitions of a cell.
absl::StatusOr<double> MillisecondsOf(const TransitionModel& model, const RolloutCell& cell,
                                      int horizon, Contender& contender) {
  const Case work = MakeCase(model, cell, horizon);
  if (absl::Status status = contender.Prepare(work); !status.ok()) return status;
  const auto time = contender.Run();
  if (!time.ok()) return time.status();
  return time->ms;
}

// As many transitions as the first contender takes `longest_run` for, at most the cell's horizon.
// What a lane costs before its first transition (a solve with its mass) is not taken for one.
absl::StatusOr<int> TimedTransitions(const TransitionModel& model, const RolloutCell& cell,
                                     Contender& first) {
  const int probe = std::min(5, cell.horizon);
  const auto one = MillisecondsOf(model, cell, 1, first);
  if (!one.ok() || probe == 1) return one.ok() ? absl::StatusOr<int>(1) : one.status();
  const auto several = MillisecondsOf(model, cell, probe, first);
  if (!several.ok()) return several.status();
  const double each = std::max(*several - *one, 1e-6) / (probe - 1);
  const double most = (absl::ToDoubleMilliseconds(cell.longest_run) - *one) / each;
  return static_cast<int>(std::clamp(most, double(probe), double(cell.horizon)));
}

// Those of `contenders` that take part.
absl::StatusOr<std::vector<Runner>> MakeRunners(
    const Case& work, const RolloutCell& cell,
    absl::Span<const std::unique_ptr<Contender>> contenders) {
  std::vector<Runner> runners;
  std::vector<float> expected;
  const int width = cell.gradient ? work.model.spec.num_controls : work.model.spec.state_size();
  for (const auto& contender : contenders) {
    absl::Status prepared = contender->Prepare(work);
    if (absl::IsUnimplemented(prepared)) continue;
    if (!prepared.ok()) return prepared;
    const auto warm = contender->Run();
    if (!warm.ok()) return warm.status();
    const auto result = contender->Result();
    if (!result.ok()) return result.status();
    Runner runner;
    runner.contender = contender.get();
    if (expected.empty()) expected = *result;
    runner.deviation = LargestDeviation(expected, *result, width);
    if (!(runner.deviation <= kTolerance)) {
      return absl::InternalError(absl::StrCat(contender->name(), " deviates from ",
                                              contenders[0]->name(), " by ", runner.deviation,
                                              " of the spread, more than ", kTolerance));
    }
    if (warm->ms > 10 * absl::ToDoubleMilliseconds(cell.longest_run)) continue;
    runners.push_back(std::move(runner));
  }
  return runners;
}

Measurement Summary(const RolloutCell& cell, int timed, const Runner& runner, double flops,
                    double peak, const std::vector<double>& streaming, double clock) {
  const double whole = double(cell.horizon) / timed;
  Measurement row;
  row.cell = cell;
  row.contender = runner.contender->name();
  row.device = runner.contender->device();
  row.threads = runner.contender->threads();
  row.timed_transitions = timed;
  row.ms = whole * *std::min_element(runner.times.begin(), runner.times.end());
  row.median_ms = whole * Median(runner.times);
  row.cpu_ms = whole * runner.best_cpu_ms / row.threads;
  row.runs = static_cast<int>(runner.times.size());
  row.transitions_per_second = 1e3 * cell.batch * cell.horizon / row.ms;
  row.gflops = whole * flops / row.ms * 1e-6;
  row.peak_gflops = peak;
  row.percent_of_peak = 100.0 * row.gflops / peak;
  row.streaming_ms = whole * *std::min_element(streaming.begin(), streaming.end());
  row.median_streaming_ms = whole * Median(streaming);
  row.cycles_per_substep = row.ms * 1e-3 * clock / (double(cell.horizon) * cell.substeps);
  row.deviation = runner.deviation;
  return row;
}

}  // namespace

absl::StatusOr<std::vector<Measurement>> MeasureCell(
    const RolloutCell& cell, absl::Span<const std::unique_ptr<Contender>> contenders) {
  const auto model = MakeBenchModel(
      {.kind = cell.kind, .width = cell.width, .depth = cell.depth, .substeps = cell.substeps});
  if (!model.ok()) return model.status();
  const auto timed = TimedTransitions(*model, cell, *contenders[0]);
  if (!timed.ok()) return timed.status();
  const Case work = MakeCase(*model, cell, *timed);
  auto runners = MakeRunners(work, cell, contenders);
  if (!runners.ok()) return runners.status();

  const int evaluations = *timed * cell.substeps;
  std::map<int, double> peaks;  // by threads
  std::vector<double> streaming;
  double clock = 0.0;
  bool again = true;
  while (again) {
    again = false;
    for (Runner& runner : *runners) {
      if (!runner.Needs(cell.budget)) continue;
      again = true;
      const int threads = runner.contender->threads();
      peaks[threads] = std::max(peaks[threads], PeakOf(threads));
      absl::SleepFor(cell.pause);
      if (absl::Status status = runner.Run(); !status.ok()) return status;
    }
    clock = std::max(clock, MeasureClock());
    streaming.push_back(MeasureStreaming(WeightsPerEvaluation(model->spec), evaluations));
  }
  // The gradient: once forward, once back to the inputs.
  const double flops = (cell.gradient ? 2.0 : 1.0) * MatrixFlopsPerEvaluation(model->spec) *
                       evaluations * cell.batch;
  std::vector<Measurement> rows;
  for (const Runner& runner : *runners) {
    rows.push_back(
        Summary(cell, *timed, runner, flops, peaks[runner.contender->threads()], streaming, clock));
  }
  return rows;
}

}  // namespace rollout::bench
