#include "bench/rollout_cells.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/types/span.h"
#include "bench/bench_models.h"
#include "bench/fma_peak.h"
#include "tests/support/random_model.h"

namespace rollout::bench {
namespace {

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

// Processor time that all threads of this process have used.
double ProcessMilliseconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

// One contender on one model, and the times that its rollouts took.
class Runner {
 public:
  Runner(const Contender& contender, std::unique_ptr<Engine> engine)
      : contender_(contender), engine_(std::move(engine)) {}

  absl::Status Run(const RolloutJob& job, bool keep) {
    const double cpu_start = ProcessMilliseconds();
    const auto start = std::chrono::steady_clock::now();
    if (absl::Status status = engine_->Rollout(absl::MakeConstSpan(&job, 1)); !status.ok()) {
      return status;
    }
    last_ms_ =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (keep) {
      best_cpu_ms_ = std::min(best_cpu_ms_, ProcessMilliseconds() - cpu_start);
      times_.push_back(last_ms_);
      spent_ms_ += last_ms_;
    }
    return absl::OkStatus();
  }

  bool Needs(absl::Duration budget) const {
    return times_.size() < 3 || spent_ms_ < absl::ToDoubleMilliseconds(budget);
  }

  const Contender& contender() const { return contender_; }
  std::string device() const { return engine_->info().device; }
  double last_ms() const { return last_ms_; }
  std::vector<double> times() const { return times_; }
  double best_cpu_ms() const { return best_cpu_ms_; }

 private:
  const Contender contender_;
  std::unique_ptr<Engine> engine_;
  std::vector<double> times_;
  double best_cpu_ms_ = 1e18;
  double last_ms_ = 0.0;
  double spent_ms_ = 0.0;
};

Measurement Summary(const RolloutCell& cell, const Runner& runner, double flops, double peak,
                    double streaming_ms) {
  std::vector<double> times = runner.times();
  std::sort(times.begin(), times.end());
  Measurement row;
  row.kind = cell.kind;
  row.engine = runner.contender().name;
  row.device = runner.device();
  row.batch = cell.batch;
  row.horizon = cell.horizon;
  row.substeps = cell.substeps;
  row.threads = runner.contender().threads;
  row.width = cell.width;
  row.depth = cell.depth;
  row.ms = times.front();
  row.median_ms = times[times.size() / 2];
  row.runs = static_cast<int>(times.size());
  row.transitions_per_second = 1e3 * cell.batch * cell.horizon / row.ms;
  row.gflops = flops / row.ms * 1e-6;
  row.peak_gflops = peak;
  row.percent_of_peak = 100.0 * row.gflops / peak;
  row.cpu_ms = runner.best_cpu_ms() / row.threads;
  row.cpu_percent_of_peak = 100.0 * flops / row.cpu_ms * 1e-6 / peak;
  row.streaming_ms = streaming_ms;
  return row;
}

}  // namespace

absl::StatusOr<std::vector<Measurement>> MeasureCell(const RolloutCell& cell,
                                                     const std::vector<Contender>& contenders,
                                                     absl::Duration longest_run) {
  auto model = MakeBenchModel(
      {.kind = cell.kind, .width = cell.width, .depth = cell.depth, .substeps = cell.substeps});
  if (!model.ok()) return model.status();
  const TransitionModelSpec& spec = model->spec;
  const std::vector<float> initial = RandomStates(spec, cell.batch, 2);
  const std::vector<float> controls = RandomControls(spec, cell.batch, cell.horizon, 3);
  std::vector<float> trajectory(size_t(cell.batch) * (cell.horizon + 1) * spec.state_size());
  RolloutJob job;
  job.lanes = cell.batch;
  job.horizon = cell.horizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  RolloutJob probe = job;  // one transition: warms up, and tells how long a run will take
  probe.horizon = 1;
  probe.controls = absl::MakeConstSpan(controls).first(size_t(cell.batch) * spec.num_controls);
  probe.trajectory = absl::MakeSpan(trajectory).first(size_t(cell.batch) * 2 * spec.state_size());

  std::vector<Runner> runners;
  for (const Contender& contender : contenders) {
    auto engine = contender.module->create(*model, {.device = "cpu", .threads = contender.threads});
    if (absl::IsUnimplemented(engine.status())) continue;
    if (!engine.ok()) return engine.status();
    Runner runner(contender, *std::move(engine));
    for (int i = 0; i < 2; ++i) {
      if (absl::Status status = runner.Run(probe, false); !status.ok()) return status;
    }
    if (runner.last_ms() * cell.horizon > absl::ToDoubleMilliseconds(longest_run)) continue;
    runners.push_back(std::move(runner));
  }

  std::map<int, double> peaks;  // by threads
  const int evaluations = cell.horizon * cell.substeps;
  double streaming_ms = 1e9;
  bool again = true;
  while (again) {
    again = false;
    for (Runner& runner : runners) {
      if (!runner.Needs(cell.budget)) continue;
      again = true;
      const int threads = runner.contender().threads;
      peaks[threads] = std::max(peaks[threads], PeakOf(threads));
      if (absl::Status status = runner.Run(job, true); !status.ok()) return status;
    }
    streaming_ms =
        std::min(streaming_ms, MeasureStreaming(WeightsPerEvaluation(spec), evaluations));
  }
  const double flops = MatrixFlopsPerEvaluation(spec) * evaluations * cell.batch;
  std::vector<Measurement> rows;
  for (const Runner& runner : runners) {
    rows.push_back(Summary(cell, runner, flops, peaks[runner.contender().threads], streaming_ms));
  }
  return rows;
}

}  // namespace rollout::bench
