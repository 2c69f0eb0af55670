// rollout-trainer fit: fits a transition model to datasets.
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/terminal.h"
#include "models/checkpoint/publish.h"
#include "nlohmann/json.hpp"
#include "trainer/command.h"
#include "trainer/fit_arguments.h"
#include "trainer/publishing/fit_settings.h"
#include "trainer/publishing/live_version.h"
#include "trainer/publishing/model_fit.h"
#include "trainer/stop_signal.h"

namespace rollout {
namespace {

struct FitCommandArguments {
  FitArguments fit;
  std::vector<std::string> data;
  std::string model;
  std::string out;
  std::string initial = "scratch";
  std::string initial_model;
  std::string note;
  std::string loss_file;
  std::string state_file;
  std::string save_every = "30s";
  bool restart = false;
  bool json = false;
};

int Fail(const absl::Status& status) {
  absl::FPrintF(stderr, "rollout-trainer fit: %s\n", std::string(status.message()));
  return 1;
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make folder ", path, ": ", error.message()));
}

absl::Status Fit(const FitCommandArguments& arguments) {
  auto options = ResolveFitOptions(arguments.fit, arguments.model);
  if (!options.ok()) return options.status();
  absl::Duration save_every;
  if (!absl::ParseDuration(arguments.save_every, &save_every)) {
    return absl::InvalidArgumentError(absl::StrCat("--save-every: found ", arguments.save_every,
                                                   ", expected a duration such as 30s"));
  }
  const auto data =
      ReadFitData(arguments.data, arguments.fit.test_fraction, arguments.fit.max_training_episodes);
  if (!data.ok()) return data.status();
  if (absl::Status status = MakeFolder(arguments.out); !status.ok()) return status;

  std::optional<LiveVersion> initial;
  if (arguments.initial == "checkpoint") {
    const std::string name =
        arguments.initial_model.empty() ? arguments.model : arguments.initial_model;
    auto found = ReadVersion(arguments.out, name, 0);
    if (!found.ok()) return found.status();
    initial = *std::move(found);
    InheritArchitecture(*initial->checkpoint.model, &*options);
  }
  ModelFitRequest request;
  request.options = *options;
  request.evaluation = arguments.fit.evaluation;
  request.run.settings = DescribeFit(*options, *data);
  request.run.settings["initial"] =
      initial ? initial->checkpoint.manifest_sha256 : std::string("scratch");
  request.run.state_file = arguments.state_file.empty()
                               ? absl::StrCat(arguments.out, "/.", arguments.model, "-fit-state")
                               : arguments.state_file;
  request.run.restart = arguments.restart;
  request.run.save_every = save_every;
  request.run.loss_file = arguments.loss_file;
  request.run.stop = &CatchStopSignals();
  const auto group = JoinProcessGroupOfEnvironment();
  if (!group.ok()) return group.status();
  request.run.group = group->get();
  if (initial) request.initial = initial->checkpoint.model.get();
  request.facts.command = CommandLine();
  request.facts.data = absl::StrJoin(data->files, ", ");
  request.facts.note = arguments.note;
  request.facts.started_from = initial ? absl::StrCat("version ", initial->version, " of ",
                                                      initial->checkpoint.model->spec.name)
                                       : std::string("random weights");

  const RealClock clock;
  ProgressLine progress(stderr, absl::StrCat("fit ", arguments.model), "steps", options->steps,
                        &clock);
  const auto fitted = FitModel(*data, request, clock, [&](const Fitter& fitter) {
    progress.Update(fitter.step(), absl::StrFormat("loss %.3g", fitter.loss()));
  });
  progress.Finish();
  if (!fitted.ok()) return fitted.status();
  if (!fitted->complete) return absl::OkStatus();
  const auto content = PrepareVersion(*fitted, *data, *options);
  if (!content.ok()) return content.status();
  const auto version = PublishCheckpoint(arguments.out, *content, clock);
  if (!version.ok()) return version.status();
  RemoveFitState(request.run.state_file);
  if (arguments.json) {
    nlohmann::ordered_json json = {{"model", arguments.model},
                                   {"version", *version},
                                   {"system", data->info.system},
                                   {"kind", Name(options->dynamics.kind)},
                                   {"seed", options->seed},
                                   {"steps", options->steps},
                                   {"batch", options->batch},
                                   {"command", fitted->facts.command},
                                   {"training_episodes", data->training.size()},
                                   {"training_transitions", data->training_transitions},
                                   {"fit_seconds", std::round(fitted->facts.fit_seconds)},
                                   {"final_loss", fitted->facts.final_loss}};
    json.update(ReportJson(fitted->report));
    absl::PrintF("%s\n", json.dump(2));
  } else {
    absl::PrintF("%s\n%s version %d in %s: %d steps in %.1f s, loss %.3g\n",
                 ReportTable(fitted->report), arguments.model, *version, arguments.out,
                 options->steps, fitted->facts.fit_seconds, fitted->facts.final_loss);
  }
  return absl::OkStatus();
}

}  // namespace

void AddFitCommand(CLI::App& app, int* exit_status) {
  CLI::App* command = app.add_subcommand("fit", "Fit a transition model to datasets");
  auto arguments = std::make_shared<FitCommandArguments>();
  command->add_option("--data", arguments->data, "Dataset files, in Minari's layout")->required();
  command->add_option("--model", arguments->model, "The model's name")->required();
  command
      ->add_option("--out", arguments->out,
                   "Model repository that gets the version; made when missing. `publish` brings it "
                   "to the one that is served")
      ->required();
  command->add_option("--init", arguments->initial, "scratch, or checkpoint: go on from one")
      ->check(CLI::IsMember({"scratch", "checkpoint"}))
      ->capture_default_str();
  command->add_option("--init-model", arguments->initial_model,
                      "Which model of --out to go on from; by default --model itself");
  command->add_option("--note", arguments->note, "First line of the card");
  command->add_option("--loss-file", arguments->loss_file, "CSV of step and loss");
  command->add_option("--state-file", arguments->state_file,
                      "Where an interrupted fit is saved; by default beside the model in --out");
  command->add_option("--save-every", arguments->save_every, "Between saves of an unfinished fit")
      ->capture_default_str();
  command->add_flag("--restart", arguments->restart, "Forget an interrupted fit");
  command->add_flag("--json", arguments->json, "Print the evaluation as JSON");
  AddFitArguments(*command, &arguments->fit);
  command->callback([arguments, exit_status] {
    at::set_num_threads(1);
    const absl::Status status = Fit(*arguments);
    if (!status.ok()) *exit_status = Fail(status);
  });
}

}  // namespace rollout
