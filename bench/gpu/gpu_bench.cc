// Measures rollouts by the CUDA engine beside the device's own peak, as rollout-bench does for
// CPUs. With preset `cuda` alone; needs a GPU.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/table.h"
#include "bench/bench_models.h"
#include "bench/gpu/gpu_peak.h"
#include "models/engines/engine_loader.h"
#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"

namespace rollout::bench {
namespace {

struct Options {
  std::vector<std::string> kinds = {"NODE_SO", "NODE", "HNN"};
  std::vector<int> batches = {1, 1024, 16384};
  int horizon = 200;
  int substeps = 8;
  int device = 0;
  double seconds = 2.0;  // for each cell
  std::string json;
};

struct Row {
  std::string kind;
  int batch = 0;
  double ms = 0.0, median_ms = 0.0;
  int runs = 0;
  double gflops = 0.0, peak_gflops = 0.0;
  double deviation = 0.0;  // of the first lanes from the CPU's engine, largest, absolute
};

// Final states alone: what travels back is small, so the device's time is what is measured, with
// the copies of the controls and the start of the kernel.
struct Work {
  Work(const TransitionModelSpec& spec, int batch, int horizon)
      : initial(RandomStates(spec, 1, 2)),
        controls(RandomControls(spec, batch, horizon, 3)),
        final_state(static_cast<size_t>(batch) * spec.state_size()) {
    job.lanes = batch;
    job.horizon = horizon;
    job.initial_states = initial;
    job.controls = controls;
    job.final_state = absl::MakeSpan(final_state);
  }
  std::vector<float> initial, controls, final_state;
  RolloutJob job;
};

absl::StatusOr<double> DeviationFromCpu(const TransitionModel& model, const Work& work) {
  auto cpu = FusedCpuEngineModule().create(model, {.device = "cpu", .threads = 0});
  if (!cpu.ok()) return cpu.status();
  const int lanes = static_cast<int>(std::min<int64_t>(work.job.lanes, 16));
  std::vector<float> expected(lanes * model.spec.state_size());
  RolloutJob job = work.job;
  job.lanes = lanes;
  job.controls = job.controls.first(lanes * job.horizon * model.spec.num_controls);
  job.final_state = absl::MakeSpan(expected);
  if (absl::Status status = (*cpu)->Rollout({job}); !status.ok()) return status;
  double largest = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(double(expected[i]) - double(work.final_state[i]));
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

absl::StatusOr<Row> Measure(const std::string& kind, int batch, const EngineModule& module,
                            const Options& options) {
  const auto model = MakeBenchModel({.kind = kind, .substeps = options.substeps});
  if (!model.ok()) return model.status();
  auto engine =
      module.create(*model, {.device = absl::StrCat("cuda:", options.device), .threads = 1});
  if (!engine.ok()) return engine.status();
  Work work(model->spec, batch, options.horizon);
  const auto run = [&] { return (*engine)->Rollout({work.job}); };
  if (absl::Status status = run(); !status.ok()) return status;
  const auto deviation = DeviationFromCpu(*model, work);
  if (!deviation.ok()) return deviation.status();

  Row row;
  row.kind = kind;
  row.batch = batch;
  row.deviation = *deviation;
  std::vector<double> times;
  const absl::Time end = absl::Now() + absl::Seconds(options.seconds);
  while (times.size() < 5 || absl::Now() < end) {
    const absl::Time start = absl::Now();
    if (absl::Status status = run(); !status.ok()) return status;
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
    // Between the runs, as the clock stands then.
    if (times.size() % 16 == 1) {
      row.peak_gflops = std::max(row.peak_gflops, MeasureGpuFmaPeak(options.device));
    }
  }
  std::sort(times.begin(), times.end());
  row.ms = times.front();
  row.median_ms = times[times.size() / 2];
  row.runs = static_cast<int>(times.size());
  const double flops = MatrixFlopsPerEvaluation(model->spec) * options.horizon * options.substeps *
                       static_cast<double>(batch);
  row.gflops = flops / (row.ms * 1e6);
  return row;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Measures rollouts by the CUDA engine beside the device's own peak.", "gpu-bench"};
  app.add_option("--kinds", options.kinds, "NODE, NODE_SO, MECHANICS, HNN")->delimiter(',');
  app.add_option("--batches", options.batches, "Lanes in one call")->delimiter(',');
  app.add_option("--horizon", options.horizon, "Transitions")->capture_default_str();
  app.add_option("--substeps", options.substeps, "Of a transition")->capture_default_str();
  app.add_option("--device", options.device, "Index of the GPU")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Time for each cell")->capture_default_str();
  app.add_option("--json", options.json, "File for the rows as JSON");
  CLI11_PARSE(app, argc, argv);

  const auto fail = [](const absl::Status& status) {
    std::fprintf(stderr, "gpu-bench: %s\n", std::string(status.message()).c_str());
    return 1;
  };
  const auto module = LoadEngineModule("cuda", "");
  if (!module.ok()) return fail(module.status());
  Table table({"kind", "B", "T", "ms", "median", "runs", "GFLOP/s", "FMA peak", "% of peak",
               "off the CPU by"});
  nlohmann::json rows = nlohmann::json::array();
  for (const std::string& kind : options.kinds) {
    for (const int batch : options.batches) {
      const auto row = Measure(kind, batch, **module, options);
      if (!row.ok()) return fail(row.status());
      const double percent = 100.0 * row->gflops / row->peak_gflops;
      table.AddRow({kind, absl::StrCat(batch),
                    absl::StrFormat("%dx%d", options.horizon, options.substeps),
                    absl::StrFormat("%.3f", row->ms), absl::StrFormat("%.3f", row->median_ms),
                    absl::StrCat(row->runs), absl::StrFormat("%.0f", row->gflops),
                    absl::StrFormat("%.0f", row->peak_gflops), absl::StrFormat("%.1f", percent),
                    absl::StrFormat("%.1e", row->deviation)});
      rows.push_back({{"kind", kind},
                      {"engine", "fused"},
                      {"device", absl::StrCat("cuda:", options.device)},
                      {"batch", batch},
                      {"horizon", options.horizon},
                      {"substeps", options.substeps},
                      {"threads", 1},
                      {"ms", row->ms},
                      {"median_ms", row->median_ms},
                      {"runs", row->runs},
                      {"gflops", row->gflops},
                      {"peak_gflops", row->peak_gflops},
                      {"percent_of_peak", percent},
                      {"deviation_from_cpu", row->deviation}});
    }
  }
  std::fputs(table.ToString().c_str(), stdout);
  if (options.json.empty()) return 0;
  std::ofstream file(options.json);
  file << rows.dump(1) << '\n';
  if (file.good()) return 0;
  std::fprintf(stderr, "gpu-bench: cannot write %s\n", options.json.c_str());
  return 1;
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) { return rollout::bench::Main(argc, argv); }
