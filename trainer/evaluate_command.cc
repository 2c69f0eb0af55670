// rollout-trainer evaluate: open-loop prediction error of a model on held-out episodes.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "nlohmann/json.hpp"
#include "trainer/command.h"
#include "trainer/fitting/data_statistics.h"
#include "trainer/fitting/fit_data.h"
#include "trainer/publishing/evaluation_report.h"
#include "trainer/publishing/live_version.h"

namespace rollout {
namespace {

struct EvaluateArguments {
  std::string repository;
  std::string model;
  int64_t version = 0;
  std::vector<std::string> data;
  double test_fraction = 0.2;
  EvaluationOptions evaluation;
  bool json = false;
};

absl::Status Evaluate(const EvaluateArguments& arguments) {
  const auto version = ReadVersion(arguments.repository, arguments.model, arguments.version);
  if (!version.ok()) return version.status();
  const auto data = ReadFitData(arguments.data, arguments.test_fraction);
  if (!data.ok()) return data.status();
  const auto statistics = MeasureData(data->training, data->info);
  if (!statistics.ok()) return statistics.status();
  const TransitionModel& model = *version->checkpoint.model;
  const auto report = EvaluateModel(model, *data, *statistics, arguments.evaluation);
  if (!report.ok()) return report.status();
  if (arguments.json) {
    nlohmann::ordered_json json = {{"model", arguments.model},
                                   {"version", version->version},
                                   {"kind", Name(model.spec.dynamics.kind)},
                                   {"data", arguments.data}};
    json.update(ReportJson(*report));
    absl::PrintF("%s\n", json.dump(2));
  } else {
    absl::PrintF("%s version %d on %d held-out episodes\n%s", arguments.model, version->version,
                 report->episodes, ReportTable(*report));
  }
  return absl::OkStatus();
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("evaluate", "Measure a model's prediction error on held-out episodes");
  auto arguments = std::make_shared<EvaluateArguments>();
  command->add_option("--model-repository", arguments->repository, "Where the model is")
      ->required();
  command->add_option("--model", arguments->model, "The model's name")->required();
  command->add_option("--version", arguments->version, "0 = the highest that can be read")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--data", arguments->data, "Dataset files")->required();
  command
      ->add_option("--test-fraction", arguments->test_fraction,
                   "Of the episodes, those that the fit held out: give what the fit had")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--longest", arguments->evaluation.longest, "Transitions of a rollout")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--stride", arguments->evaluation.stride, "Steps between starts of windows")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON, per dimension too");
  command->callback([arguments, exit_status] {
    const absl::Status status = Evaluate(*arguments);
    if (status.ok()) return;
    absl::FPrintF(stderr, "rollout-trainer evaluate: %s\n", std::string(status.message()));
    *exit_status = 1;
  });
}

}  // namespace rollout
