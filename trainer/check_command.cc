// rollout-trainer check: tells before the training what in a dataset would spoil it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/table.h"
#include "base/terminal.h"
#include "datasets/dataset_reader.h"
#include "nlohmann/json.hpp"
#include "trainer/collection/dataset_check.h"
#include "trainer/command.h"

namespace rollout {
namespace {

struct CheckArguments {
  std::string file;
  bool json = false;
};

const char* SeverityName(Severity severity) {
  return severity == Severity::kSpoils ? "spoils" : "warning";
}

void PrintJson(const DatasetInfo& info, const DatasetReport& report) {
  nlohmann::ordered_json dimensions = nlohmann::ordered_json::array();
  for (size_t i = 0; i < report.dimensions.size(); ++i) {
    const StateDimension& dimension = report.dimensions[i];
    dimensions.push_back({{"name", dimension.name},
                          {"mean", dimension.mean},
                          {"standard_deviation", dimension.standard_deviation},
                          {"constant", dimension.constant}});
    if (static_cast<int>(i) >= info.num_positions) continue;
    dimensions.back()["velocity_slope"] = dimension.velocity_slope;
    dimensions.back()["velocity_correlation"] = dimension.velocity_correlation;
    dimensions.back()["wraps"] = dimension.wraps;
    dimensions.back()["jumps"] = dimension.jumps;
  }
  nlohmann::ordered_json shifts = nlohmann::ordered_json::object();
  for (int i = 0; report.control_timing.measured && i < kNumShifts; ++i) {
    shifts[absl::StrCat(kFirstShift + i)] = report.control_timing.explained[i];
  }
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"severity", SeverityName(finding.severity)},
                        {"check", finding.check},
                        {"found", finding.found},
                        {"remedy", finding.remedy}});
  }
  const nlohmann::ordered_json all = {{"dataset_id", info.id},
                                      {"system", info.system},
                                      {"episodes", report.episodes},
                                      {"steps", report.steps},
                                      {"dt", info.dt},
                                      {"spoilt", report.spoilt()},
                                      {"findings", findings},
                                      {"explained_by_control_shift", shifts},
                                      {"dimensions", dimensions}};
  absl::PrintF("%s\n", all.dump(2));
}

void PrintText(const std::string& file, const DatasetInfo& info, const DatasetReport& report) {
  const bool colours = HasColours(stdout);
  absl::PrintF("%s: %s, %d episodes, %d steps of %.6g s\n\n", file, info.id, report.episodes,
               report.steps, info.dt);
  Table table({"state", "mean", "deviation", "dq/dt on v", "correlation", "wraps", "jumps"});
  for (size_t i = 0; i < report.dimensions.size(); ++i) {
    const StateDimension& dimension = report.dimensions[i];
    const bool position = static_cast<int>(i) < info.num_positions;
    const bool slope = position && dimension.moves && info.num_positions == info.num_velocities;
    table.AddRow({dimension.name, absl::StrFormat("%.4g", dimension.mean),
                  absl::StrFormat("%.4g", dimension.standard_deviation),
                  slope ? absl::StrFormat("%.4f", dimension.velocity_slope) : "",
                  slope ? absl::StrFormat("%.4f", dimension.velocity_correlation) : "",
                  position ? absl::StrCat(dimension.wraps) : "",
                  position ? absl::StrCat(dimension.jumps) : ""});
  }
  absl::PrintF("%s\n", table.ToString());
  if (report.control_timing.measured) {
    absl::PrintF("Change of velocities explained with controls shifted by");
    for (int i = 0; i < kNumShifts; ++i) {
      absl::PrintF("  %+d: %.3f", kFirstShift + i, report.control_timing.explained[i]);
    }
    absl::PrintF("\n\n");
  }
  for (const Finding& finding : report.findings) {
    const bool spoils = finding.severity == Severity::kSpoils;
    absl::PrintF(
        "%s  %s %s\n",
        Coloured(SeverityName(finding.severity), spoils ? Colour::kRed : Colour::kYellow, colours),
        finding.found, finding.remedy);
  }
  if (!report.spoilt()) {
    absl::PrintF("%s\n",
                 Coloured("Nothing found that would spoil a training.", Colour::kGreen, colours));
  }
}

int RunCheck(const CheckArguments& arguments) {
  const auto fail = [](const absl::Status& status) {
    absl::FPrintF(stderr, "rollout-trainer check: %s\n", std::string(status.message()));
    return 1;
  };
  const absl::StatusOr<std::unique_ptr<DatasetReader>> reader = DatasetReader::Open(arguments.file);
  if (!reader.ok()) return fail(reader.status());
  const absl::StatusOr<std::vector<Episode>> episodes = (*reader)->ReadAll(NonFinite::kAllow);
  if (!episodes.ok()) return fail(episodes.status());
  const DatasetInfo& info = (*reader)->info();
  const DatasetReport report = CheckDataset(info, *episodes);
  if (arguments.json) {
    PrintJson(info, report);
  } else {
    PrintText(arguments.file, info, report);
  }
  return report.spoilt() ? 1 : 0;
}

}  // namespace

void AddCheckCommand(CLI::App& app, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("check", "Tell what in a dataset would spoil a training; then status 1");
  auto arguments = std::make_shared<CheckArguments>();
  command->add_option("file", arguments->file, "A dataset's file, or its folder in Minari's layout")
      ->required();
  command->add_flag("--json", arguments->json, "Print the report as JSON");
  command->callback([arguments, exit_status] { *exit_status = RunCheck(*arguments); });
}

}  // namespace rollout
