// rollout-bench: rollouts of each kind by each engine, as a table and as JSON, in percent of the
// peak of fused multiply-adds measured in the same run.
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "base/table.h"
#include "base/terminal.h"
#include "base/version.h"
#include "bench/contender.h"
#include "bench/peer_contender.h"
#include "bench/rollout_cells.h"
#include "models/engines/engine_loader.h"
#include "models/engines/fused/fused_engine.h"
#include "nlohmann/json.hpp"

namespace rollout::bench {
namespace {

struct Options {
  std::vector<std::string> kinds = {"NODE", "NODE_SO", "MECHANICS", "HNN"};
  std::vector<std::string> passes = {"forward", "gradient"};
  std::vector<std::string> engines = {"fused", "torch"};
  std::vector<std::string> peers;
  PeerPrograms programs;
  std::vector<int> threads = {1, 2};
  std::vector<int> batches = {1, 8, 32, 256, 1024, 16384};
  std::vector<std::string> horizons = {"200x8", "30x1"};  // transitions x substeps
  std::vector<int> widths = {128};
  std::vector<int> depths = {2};
  double seconds = 0.5;      // for each contender in each cell
  double longest_run = 2.0;  // seconds
  double pause = 0.0;        // seconds
  std::string json;          // file; "-" = standard output in place of the table
  bool append = false;       // keep the rows that the file has
};

// `run` = when this process began, in seconds since 1970: rows of one run may be compared.
nlohmann::json Json(const Measurement& row, int64_t run) {
  return {{"run", run},
          {"kind", row.cell.kind},
          {"pass", row.cell.gradient ? "gradient" : "forward"},
          {"engine", row.contender},
          {"device", row.device},
          {"batch", row.cell.batch},
          {"horizon", row.cell.horizon},
          {"substeps", row.cell.substeps},
          {"threads", row.threads},
          {"width", row.cell.width},
          {"depth", row.cell.depth},
          {"timed_transitions", row.timed_transitions},
          {"ms", row.ms},
          {"median_ms", row.median_ms},
          {"cpu_ms", row.cpu_ms},
          {"runs", row.runs},
          {"transitions_per_second", row.transitions_per_second},
          {"gflops", row.gflops},
          {"percent_of_peak", row.percent_of_peak},
          {"peak_gflops", row.peak_gflops},
          {"streaming_ms", row.streaming_ms},
          {"median_streaming_ms", row.median_streaming_ms},
          {"cycles_per_substep", row.cycles_per_substep},
          {"deviation", row.deviation}};
}

std::string Text(const std::vector<Measurement>& rows) {
  Table table({"kind", "pass", "engine", "B", "T", "width", "threads", "ms", "median",
               "transitions/s", "GFLOP/s", "% of peak", "by CPU", "cycles/substep",
               "weights streamed"});
  for (const Measurement& row : rows) {
    const RolloutCell& cell = row.cell;
    std::string horizon = absl::StrFormat("%dx%d", cell.horizon, cell.substeps);
    if (row.timed_transitions < cell.horizon) {
      horizon += absl::StrFormat(" (%d timed)", row.timed_transitions);
    }
    const bool alone = cell.batch == 1;
    table.AddRow({cell.kind, cell.gradient ? "gradient" : "forward", row.contender,
                  std::to_string(cell.batch), horizon,
                  absl::StrFormat("%dx%d", cell.depth, cell.width), std::to_string(row.threads),
                  absl::StrFormat("%.3f", row.ms), absl::StrFormat("%.3f", row.median_ms),
                  absl::StrFormat("%.3g", row.transitions_per_second),
                  absl::StrFormat("%.1f", row.gflops), absl::StrFormat("%.1f", row.percent_of_peak),
                  absl::StrFormat("%.1f", row.percent_of_peak * row.ms / row.cpu_ms),
                  alone ? absl::StrFormat("%.0f", row.cycles_per_substep) : "",
                  alone ? absl::StrFormat("%.3f ms", row.streaming_ms) : ""});
  }
  return table.ToString();
}

using Contenders = std::vector<std::unique_ptr<Contender>>;

absl::StatusOr<Contenders> MakeContenders(const Options& options) {
  Contenders contenders;
  for (const std::string& name : options.engines) {
    const EngineModule* module = nullptr;
    if (name == "fused") {
      module = &FusedCpuEngineModule();
    } else {
      auto loaded = LoadEngineModule(name, "");
      if (!loaded.ok()) return loaded.status();
      module = *loaded;
    }
    for (int threads : options.threads) {
      contenders.push_back(MakeEngineContender(name, module, threads));
    }
  }
  for (const std::string& library : options.peers) {
    for (int threads : options.threads) {
      auto peer = StartPeer(library, threads, options.programs);
      if (!peer.ok()) return peer.status();
      contenders.push_back(*std::move(peer));
    }
  }
  if (contenders.empty()) return absl::InvalidArgumentError("no engine, no peer: nothing to do");
  return contenders;
}

// Every cell that the options name, the seconds left out.
absl::StatusOr<std::vector<RolloutCell>> Cells(const Options& options) {
  std::vector<RolloutCell> cells;
  RolloutCell cell;
  cell.budget = absl::Seconds(options.seconds);
  cell.longest_run = absl::Seconds(options.longest_run);
  cell.pause = absl::Seconds(options.pause);
  for (const std::string& kind : options.kinds) {
    cell.kind = kind;
    for (const std::string& pass : options.passes) {
      if (pass != "forward" && pass != "gradient") {
        return absl::InvalidArgumentError("--passes takes forward and gradient, not " + pass);
      }
      cell.gradient = pass == "gradient";
      for (const std::string& horizon : options.horizons) {
        if (std::sscanf(horizon.c_str(), "%dx%d", &cell.horizon, &cell.substeps) != 2) {
          return absl::InvalidArgumentError("--horizons takes transitions x substeps, like 200x8");
        }
        for (int width : options.widths) {
          for (int depth : options.depths) {
            for (int batch : options.batches) {
              cell.width = width;
              cell.depth = depth;
              cell.batch = batch;
              cells.push_back(cell);
            }
          }
        }
      }
    }
  }
  return cells;
}

absl::StatusOr<std::vector<Measurement>> MeasureAll(const Options& options) {
  const auto cells = Cells(options);
  if (!cells.ok()) return cells.status();
  const auto contenders = MakeContenders(options);
  if (!contenders.ok()) return contenders.status();
  const RealClock clock;
  ProgressLine progress(stderr, "bench", "cells", static_cast<int64_t>(cells->size()), &clock);
  std::vector<Measurement> rows;
  int64_t done = 0;
  for (const RolloutCell& cell : *cells) {
    const auto measured = MeasureCell(cell, *contenders);
    if (!measured.ok()) return measured.status();
    rows.insert(rows.end(), measured->begin(), measured->end());
    progress.Update(++done, cell.kind + " B = " + std::to_string(cell.batch));
  }
  progress.Finish();
  return rows;
}

// The rows that `file` holds; none where there is no such file.
nlohmann::json RowsOf(const std::string& file) {
  std::ifstream stream(file);
  if (!stream.is_open()) return nlohmann::json::array();
  auto rows = nlohmann::json::parse(stream, nullptr, false);
  return rows.is_array() ? rows : nlohmann::json::array();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Measures rollouts of each kind by each engine beside the machine's own peak.",
               "rollout-bench"};
  app.set_version_flag("--version", std::string("rollout-bench ") + rollout::Version());
  app.add_option("--kinds", options.kinds, "NODE, NODE_SO, MECHANICS, HNN")->delimiter(',');
  app.add_option("--engines", options.engines, "fused, or the name of an engine module")
      ->delimiter(',');
  app.add_option("--passes", options.passes, "forward, gradient")->delimiter(',');
  app.add_option("--peers", options.peers,
                 "jax-scan, jax-unrolled, torch-eager, torch-compile (see `make peers`)")
      ->delimiter(',');
  app.add_option("--peer-python", options.programs.python, "Python that has the peers' libraries")
      ->capture_default_str();
  app.add_option("--peer-script", options.programs.script, "bench/peers/rollout_peer.py")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Computing threads")->delimiter(',');
  app.add_option("--batches", options.batches, "Lanes in one call")->delimiter(',');
  app.add_option("--horizons", options.horizons, "Transitions x substeps, like 200x8")
      ->delimiter(',');
  app.add_option("--widths", options.widths, "Units of each hidden layer")->delimiter(',');
  app.add_option("--depths", options.depths, "Hidden layers")->delimiter(',');
  app.add_option("--seconds", options.seconds, "Time for each contender in each cell")
      ->capture_default_str();
  app.add_option("--pause", options.pause,
                 "idle seconds before each run: 0.01 = a planner at 100 Hz")
      ->check(CLI::Range(0.0, 10.0));
  app.add_option(
         "--longest-run", options.longest_run,
         "Cells of which one run takes the first engine longer are cut to fewer transitions")
      ->capture_default_str();
  app.add_option("--json", options.json, "File for the rows as JSON; - for standard output");
  app.add_flag("--append", options.append, "Keep the rows that the JSON file already has");
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;

  const int64_t run = absl::ToUnixSeconds(absl::Now());
  const auto rows = MeasureAll(options);
  if (!rows.ok()) {
    std::fprintf(stderr, "rollout-bench: %s\n", std::string(rows.status().message()).c_str());
    return 1;
  }
  nlohmann::json json = options.append ? RowsOf(options.json) : nlohmann::json::array();
  for (const Measurement& row : *rows) json.push_back(Json(row, run));
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
