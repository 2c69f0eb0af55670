// rollout-experiments: repeats the tables and figures of the papers behind the models.
#include <ATen/Parallel.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/available_cores.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "base/table.h"
#include "base/terminal.h"
#include "base/version.h"
#include "experiments/experiment.h"
#include "experiments/figures/system_pictures.h"
#include "experiments/model_export.h"
#include "experiments/nearest_names.h"
#include "experiments/result_file.h"
#include "experiments/runner.h"
#include "nlohmann/json.hpp"
#include "trainer/stop_signal.h"

namespace rollout {
namespace {

struct Arguments {
  std::string experiment;
  std::string scale = "quick";
  int seeds = 1;
  int threads = NumAvailableCores();
  std::string results = "experiments/results";
  std::string docs = "docs/experiments";
  std::string claims;
  ModelExport model;
  bool json = false;
};

// NOT_FOUND with the nearest names.
absl::StatusOr<std::unique_ptr<Experiment>> FindExperiment(const std::string& name) {
  std::vector<std::string> names;
  for (std::unique_ptr<Experiment>& experiment : MakeExperiments()) {
    if (experiment->name() == name) return std::move(experiment);
    names.push_back(experiment->name());
  }
  return absl::NotFoundError(UnknownName("experiment", name, names));
}

std::string ResultPath(const Arguments& arguments, const Experiment& experiment) {
  return absl::StrCat(arguments.results, "/", experiment.name(), ".jsonl");
}

absl::Status List(const Arguments& arguments) {
  if (arguments.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const std::unique_ptr<Experiment>& experiment : MakeExperiments()) {
      list.push_back({{"experiment", experiment->name()}, {"title", experiment->title()}});
    }
    std::printf("%s\n", list.dump(2).c_str());
    return absl::OkStatus();
  }
  Table table({"experiment", "what it repeats"});
  for (const std::unique_ptr<Experiment>& experiment : MakeExperiments()) {
    table.AddRow({experiment->name(), experiment->title()});
  }
  std::fputs(table.ToString().c_str(), stdout);
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments) {
  const auto experiment = FindExperiment(arguments.experiment);
  if (!experiment.ok()) return experiment.status();
  const auto scale = ParseScale(arguments.scale);
  if (!scale.ok()) return scale.status();
  std::error_code error;
  std::filesystem::create_directories(arguments.results, error);
  const auto results = ResultFile::Open(ResultPath(arguments, **experiment));
  if (!results.ok()) return results.status();
  at::set_num_threads(1);  // runs share the cores, not operators
  const SteadyClock clock;
  const std::vector<PlannedRun> plan = (*experiment)->Plan(*scale, arguments.seeds);
  ProgressLine line(stderr, (*experiment)->name(), "runs", static_cast<int64_t>(plan.size()),
                    &clock);
  RunnerOptions options;
  options.threads = arguments.threads;
  options.partial = absl::StrCat(arguments.results, "/partial");
  options.build = Version();
  std::filesystem::create_directories(options.partial, error);
  options.stop = &CatchStopSignals();
  options.progress = [&line](int done, int) { line.Update(done); };
  const auto summary = MakeRuns(plan, options, results->get());
  line.Finish();
  if (!summary.ok()) return summary.status();
  if (arguments.json) {
    const nlohmann::ordered_json outcome = {{"experiment", (*experiment)->name()},
                                            {"scale", arguments.scale},
                                            {"made", summary->made},
                                            {"found", summary->found},
                                            {"diverged", summary->diverged}};
    std::printf("%s\n", outcome.dump(2).c_str());
    return absl::OkStatus();
  }
  std::printf("%s at scale %s: %d runs made, %d found, %d of the new ones diverged\n",
              (*experiment)->name().c_str(), arguments.scale.c_str(), summary->made, summary->found,
              summary->diverged);
  return absl::OkStatus();
}

absl::Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::trunc);
  out << text;
  out.flush();
  if (!out) return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
  std::printf("%s\n", path.c_str());
  return absl::OkStatus();
}

// The page of one experiment and its pictures.
absl::Status WriteReport(const Arguments& arguments, const Experiment& experiment,
                         const std::vector<RunRecord>& records) {
  std::string page = experiment.Report(records);
  for (const Figure& figure : experiment.Figures(records)) {
    absl::StrAppend(&page, "\n![", figure.caption, "](", figure.file, ")\n\n", figure.caption,
                    ".\n");
    const std::string path = absl::StrCat(arguments.docs, "/", figure.file);
    if (absl::Status status = WriteText(path, figure.svg); !status.ok()) return status;
  }
  return WriteText(absl::StrCat(arguments.docs, "/", experiment.name(), ".md"), page);
}

// Before anything is written: what the report reads is there and is what it should be.
absl::Status CheckInputs(const Arguments& arguments) {
  std::error_code error;
  if (!std::filesystem::is_directory(arguments.results, error)) {
    return absl::NotFoundError(
        absl::StrCat("--results=", arguments.results,
                     ": no such folder; expected that of the raw results, as `run` writes it"));
  }
  if (!arguments.claims.empty() && !std::filesystem::is_regular_file(arguments.claims, error)) {
    return absl::NotFoundError(
        absl::StrCat("--claims=", arguments.claims, ": no such file; expected a page of claims"));
  }
  std::filesystem::create_directories(arguments.docs, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("--docs=", arguments.docs, ": cannot be made: ", error.message()));
}

absl::Status Report(const Arguments& arguments) {
  if (absl::Status status = CheckInputs(arguments); !status.ok()) return status;
  int written = 0;
  std::vector<ClaimResult> claims;
  for (const std::unique_ptr<Experiment>& experiment : MakeExperiments()) {
    const auto records = ResultFile::Read(ResultPath(arguments, *experiment));
    if (absl::IsNotFound(records.status())) continue;  // no run was made
    if (!records.ok()) return records.status();
    if (records->empty()) continue;
    absl::Status status = WriteReport(arguments, *experiment, *records);
    if (!status.ok()) return status;
    ++written;
    for (ClaimResult& claim : experiment->Claims(*records)) claims.push_back(std::move(claim));
  }
  if (written == 0) {
    return absl::NotFoundError(absl::StrCat("--results=", arguments.results,
                                            ": holds no runs of any experiment (<name>.jsonl)"));
  }
  if (!arguments.claims.empty()) {
    std::ifstream in(arguments.claims);
    const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in) return absl::NotFoundError(absl::StrCat(arguments.claims, ": cannot be read"));
    absl::Status status = WriteText(arguments.claims, ReplaceClaims(page, claims));
    if (!status.ok()) return status;
  }
  return WriteSystemPictures(arguments.docs);
}

absl::Status Export(const Arguments& arguments) {
  const auto experiment = FindExperiment(arguments.experiment);
  if (!experiment.ok()) return experiment.status();
  const auto records = ResultFile::Read(ResultPath(arguments, **experiment));
  if (!records.ok()) return records.status();
  at::set_num_threads(1);
  ModelExport request = arguments.model;
  request.partial = absl::StrCat(arguments.results, "/partial");
  const RealClock clock;
  const auto version = ExportModel(**experiment, *records, request, clock);
  if (!version.ok()) return version.status();
  std::printf("published %s as version %d in %s\n", request.run.c_str(), static_cast<int>(*version),
              request.repository.c_str());
  return absl::OkStatus();
}

int ExitStatus(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "rollout-experiments: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) {
  CLI::App app("Repeats the tables and figures of the papers behind the models.",
               "rollout-experiments");
  app.set_version_flag("--version", std::string("rollout-experiments ") + rollout::Version());
  app.require_subcommand(1);
  rollout::Arguments arguments;
  int exit_status = 0;
  CLI::App* list = app.add_subcommand("list", "Name the experiments");
  list->callback([&] { exit_status = rollout::ExitStatus(rollout::List(arguments)); });
  CLI::App* run = app.add_subcommand("run", "Make an experiment's runs that are not made yet");
  run->add_option("experiment", arguments.experiment, "A name from `list`")->required();
  run->add_option("--scale", arguments.scale, "quick, short or paper")->capture_default_str();
  run->add_option("--seeds", arguments.seeds, "Runs of each model")
      ->capture_default_str()
      ->check(rollout::WholeNumberOfAtLeast(1));
  run->add_option("--threads", arguments.threads, "Runs at once")
      ->capture_default_str()
      ->check(rollout::WholeNumberOfAtLeast(1));
  run->callback([&] { exit_status = rollout::ExitStatus(rollout::Run(arguments)); });
  CLI::App* report = app.add_subcommand("report", "Write the pages from the raw results alone");
  report->add_option("--docs", arguments.docs, "Folder of the pages")->capture_default_str();
  report->add_option("--claims", arguments.claims,
                     "A page of claims whose measured rows are written anew");
  report->callback([&] { exit_status = rollout::ExitStatus(rollout::Report(arguments)); });
  CLI::App* model = app.add_subcommand("export", "Publish what a finished run trained");
  model->add_option("experiment", arguments.experiment, "A name from `list`")->required();
  model->add_option("run", arguments.model.run, "Its key: paper/chain_pendulum_2/HNN/seed0")
      ->required();
  model->add_option("--model-repository", arguments.model.repository, "Folder of models")
      ->required();
  model->add_option("--name", arguments.model.name, "Of the model; else from system and model");
  model->callback([&] { exit_status = rollout::ExitStatus(rollout::Export(arguments)); });
  for (CLI::App* command : {list, run}) {
    command->add_flag("--json", arguments.json, "Print JSON for programs");
  }
  for (CLI::App* command : {run, report, model}) {
    command->add_option("--results", arguments.results, "Folder of the raw results")
        ->capture_default_str();
  }
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  return exit_status;
}
