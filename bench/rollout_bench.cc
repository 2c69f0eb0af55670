// rollout-bench: rollouts of each kind by each engine, as a table and as JSON, in percent of the
// peak of fused multiply-adds measured in the same run.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/table.h"
#include "base/terminal.h"
#include "bench/rollout_cells.h"
#include "models/engines/engine_loader.h"
#include "models/engines/fused/fused_engine.h"
#include "nlohmann/json.hpp"

namespace rollout::bench {
namespace {

struct Options {
  std::vector<std::string> kinds = {"NODE", "NODE_SO", "MECHANICS", "HNN"};
  std::vector<std::string> engines = {"fused", "torch"};
  std::vector<int> threads = {1, 2};
  std::vector<int> batches = {1, 8, 32, 256, 1024, 16384};
  std::vector<std::string> horizons = {"200x8", "30x1"};  // transitions x substeps
  int width = 128;
  int depth = 2;
  double seconds = 0.5;      // for each cell
  double longest_run = 2.0;  // seconds; slower cells are left out
  std::string json;          // file; "-" = standard output in place of the table
};

nlohmann::json Json(const Measurement& row) {
  return {{"kind", row.kind},
          {"engine", row.engine},
          {"device", row.device},
          {"batch", row.batch},
          {"horizon", row.horizon},
          {"substeps", row.substeps},
          {"threads", row.threads},
          {"width", row.width},
          {"depth", row.depth},
          {"ms", row.ms},
          {"median_ms", row.median_ms},
          {"cpu_ms", row.cpu_ms},
          {"cpu_percent_of_peak", row.cpu_percent_of_peak},
          {"runs", row.runs},
          {"transitions_per_second", row.transitions_per_second},
          {"gflops", row.gflops},
          {"percent_of_peak", row.percent_of_peak},
          {"peak_gflops", row.peak_gflops},
          {"streaming_ms", row.streaming_ms}};
}

std::string Text(const std::vector<Measurement>& rows) {
  Table table({"kind", "engine", "B", "T", "threads", "ms", "median", "transitions/s", "GFLOP/s",
               "% of peak", "by CPU time", "weights streamed"});
  for (const Measurement& row : rows) {
    table.AddRow({row.kind, row.engine, std::to_string(row.batch),
                  absl::StrFormat("%dx%d", row.horizon, row.substeps), std::to_string(row.threads),
                  absl::StrFormat("%.3f", row.ms), absl::StrFormat("%.3f", row.median_ms),
                  absl::StrFormat("%.3g", row.transitions_per_second),
                  absl::StrFormat("%.1f", row.gflops), absl::StrFormat("%.1f", row.percent_of_peak),
                  absl::StrFormat("%.1f", row.cpu_percent_of_peak),
                  row.batch == 1 ? absl::StrFormat("%.3f ms", row.streaming_ms) : ""});
  }
  return table.ToString();
}

absl::StatusOr<std::vector<Contender>> MakeContenders(const Options& options) {
  std::vector<Contender> contenders;
  for (const std::string& name : options.engines) {
    const EngineModule* module = nullptr;
    if (name == "fused") {
      module = &FusedCpuEngineModule();
    } else {
      auto loaded = LoadEngineModule(name, "");
      if (!loaded.ok()) return loaded.status();
      module = *loaded;
    }
    for (int threads : options.threads) contenders.push_back({name, module, threads});
  }
  return contenders;
}

absl::StatusOr<std::vector<Measurement>> MeasureAll(const Options& options) {
  const auto contenders = MakeContenders(options);
  if (!contenders.ok()) return contenders.status();
  const RealClock clock;
  const int64_t cells =
      int64_t(options.kinds.size() * options.horizons.size() * options.batches.size());
  ProgressLine progress(stderr, "bench", "cells", cells, &clock);
  std::vector<Measurement> rows;
  int64_t done = 0;
  for (const std::string& kind : options.kinds) {
    for (const std::string& horizon : options.horizons) {
      for (int batch : options.batches) {
        RolloutCell cell;
        cell.kind = kind;
        cell.batch = batch;
        cell.width = options.width;
        cell.depth = options.depth;
        cell.budget = absl::Seconds(options.seconds);
        if (std::sscanf(horizon.c_str(), "%dx%d", &cell.horizon, &cell.substeps) != 2) {
          return absl::InvalidArgumentError("--horizons takes transitions x substeps, like 200x8");
        }
        auto measured = MeasureCell(cell, *contenders, absl::Seconds(options.longest_run));
        if (!measured.ok()) return measured.status();
        rows.insert(rows.end(), measured->begin(), measured->end());
        progress.Update(++done, kind + " B = " + std::to_string(batch));
      }
    }
  }
  progress.Finish();
  return rows;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Measures rollouts of each kind by each engine beside the machine's own peak.",
               "rollout-bench"};
  app.add_option("--kinds", options.kinds, "NODE, NODE_SO, MECHANICS, HNN")->delimiter(',');
  app.add_option("--engines", options.engines, "fused, or the name of an engine module")
      ->delimiter(',');
  app.add_option("--threads", options.threads, "Computing threads")->delimiter(',');
  app.add_option("--batches", options.batches, "Lanes in one call")->delimiter(',');
  app.add_option("--horizons", options.horizons, "Transitions x substeps, like 200x8")
      ->delimiter(',');
  app.add_option("--width", options.width, "Units of each hidden layer")->capture_default_str();
  app.add_option("--depth", options.depth, "Hidden layers")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Time for each cell")->capture_default_str();
  app.add_option("--longest-run", options.longest_run,
                 "Leaves out cells of which one run takes more seconds than this")
      ->capture_default_str();
  app.add_option("--json", options.json, "File for the rows as JSON; - for standard output");
  CLI11_PARSE(app, argc, argv);

  const auto rows = MeasureAll(options);
  if (!rows.ok()) {
    std::fprintf(stderr, "rollout-bench: %s\n", std::string(rows.status().message()).c_str());
    return 1;
  }
  nlohmann::json json = nlohmann::json::array();
  for (const Measurement& row : *rows) json.push_back(Json(row));
  if (options.json == "-") {
    std::printf("%s\n", json.dump(1).c_str());
    return 0;
  }
  std::fputs(Text(*rows).c_str(), stdout);
  if (options.json.empty()) return 0;
  std::ofstream file(options.json);
  file << json.dump(1) << '\n';
  if (!file.good()) {
    std::fprintf(stderr, "rollout-bench: cannot write %s\n", options.json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) { return rollout::bench::Main(argc, argv); }
