// serving-bench: rolloutd beside a bare gRPC echo, the engine without a server, and batching
// without lane replacement, each pair in one run and in turn.
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/available_cores.h"
#include "base/installation.h"
#include "base/table.h"
#include "bench/serving/call_load.h"
#include "bench/serving/serving_lines.h"
#include "client/rolloutctl/command.h"
#include "tests/support/temporary_directory.h"

namespace rollout::bench {
namespace {

using Line = absl::StatusOr<LineResult> (*)(const LineOptions&);

const std::vector<std::pair<std::string, Line>>& Lines() {
  static const auto* lines =
      new std::vector<std::pair<std::string, Line>>{{"overhead", MeasureOverhead},
                                                    {"large-replies", MeasureLargeReplies},
                                                    {"compute-bound", MeasureComputeBound},
                                                    {"mixed-horizons", MeasureMixedHorizons}};
  return *lines;
}

std::string Text(const nlohmann::json& cell, const char* key, double scale, const char* format) {
  if (!cell.contains(key)) return "";
  return absl::StrFormat(*absl::ParsedFormat<'f'>::New(format), cell[key].get<double>() * scale);
}

void PrintTables(const LineResult& result) {
  Table cells({"", "in flight", "p50 ms", "p99 ms", "calls/s", "server CPU us/call",
               "transitions/s", "failed"});
  for (const nlohmann::json& cell : result.cells) {
    cells.AddRow({cell["side"].get<std::string>(), cell["in_flight"].dump(),
                  Text(cell, "p50_seconds", 1e3, "%.4f"), Text(cell, "p99_seconds", 1e3, "%.3f"),
                  Text(cell, "calls_per_second", 1, "%.0f"),
                  Text(cell, "cpu_seconds_per_call", 1e6, "%.1f"),
                  Text(cell, "transitions_per_second", 1, "%.0f"), cell["failed"].dump()});
  }
  std::fputs(cells.ToString().c_str(), stdout);
  Table ratios({"", "ratio", "rounds", "goal", ""});
  for (const Ratio& ratio : result.ratios) {
    ratios.AddRow(
        {ratio.what, absl::StrFormat("%.2f", ratio.value),
         absl::StrFormat("%.2f-%.2f", ratio.lowest, ratio.highest),
         ratio.goal == 0 ? "" : absl::StrFormat("%s %.2f", ratio.at_most ? "<=" : ">=", ratio.goal),
         ratio.goal == 0 ? ""
         : ratio.met()   ? "met"
                         : "missed"});
  }
  std::printf("%s\n", ratios.ToString().c_str());
  std::fflush(stdout);
}

// A line for each cell and ratio.
void WriteJson(nlohmann::json json, const std::string& path) {
  std::ofstream file(path);
  file << "{\"cores\": " << json["cores"] << ", \"pinned\": " << json["pinned"];
  for (const char* key : {"cells", "ratios"}) {
    const auto dump = [](std::string* out, const nlohmann::json& one) { *out += one.dump(); };
    file << ",\n\"" << key << "\": [\n" << absl::StrJoin(json[key], ",\n", dump) << "\n]";
  }
  file << "}\n";
}

int Run(const std::vector<std::string>& wanted, LineOptions options, bool pin,
        const std::string& json_file) {
  const std::vector<int> cores = AvailableCores();
  const bool apart = pin && cores.size() >= 2;
  nlohmann::json json = {{"cores", cores.size()}, {"pinned", apart}};
  int failures = 0;
  for (const auto& [name, line] : Lines()) {
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    const TemporaryDirectory scratch;
    options.scratch = scratch.path();
    // Where computing counts, all cores compute; where a call counts, client and server keep apart.
    const bool small_calls = name == "overhead" || name == "large-replies";
    options.client_cores = small_calls && apart ? std::vector<int>{cores.back()} : cores;
    options.server_cores = small_calls && apart ? std::vector<int>{cores.front()} : cores;
    absl::Status pinned = StayOn(options.client_cores);
    const absl::StatusOr<LineResult> result =
        pinned.ok() ? line(options) : absl::StatusOr<LineResult>(pinned);
    if (!result.ok()) {
      std::fprintf(stderr, "serving-bench: %s: %s\n", name.c_str(),
                   result.status().ToString().c_str());
      ++failures;
      continue;
    }
    std::printf("%s\n", name.c_str());
    PrintTables(*result);
    for (const nlohmann::json& cell : result->cells) json["cells"].push_back(cell);
    for (const Ratio& ratio : result->ratios) json["ratios"].push_back(ratio.Json());
  }
  if (!json_file.empty()) WriteJson(json, json_file);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  rollout::bench::SpeedUpClient();
  using rollout::bench::Lines;
  std::vector<std::string> names;
  for (const auto& [name, line] : Lines()) names.push_back(name);
  CLI::App app("rolloutd beside a bare gRPC echo and beside its own engine");
  std::vector<std::string> wanted = names;
  rollout::bench::LineOptions options;
  options.programs = rollout::ExecutableFolder().value_or(".");
  bool pin = true;
  std::string json_file;
  app.add_option("--lines", wanted, "which to measure: " + absl::StrJoin(names, ", "))
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--rounds", options.rounds, "turns of each side")->capture_default_str();
  rollout::AddDurationOption(&app, "--stretch", &options.stretch, "of one turn");
  app.add_flag("--pin,!--no-pin", pin, "small calls: client and servers on cores of their own");
  app.add_option("--json", json_file, "also write the figures there");
  CLI11_PARSE(app, argc, argv);
  return rollout::bench::Run(wanted, options, pin, json_file);
}
