// rollout-trials: what a server must endure, tried on the real programs.
#include <sys/resource.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/client_commands.h"
#include "tests/trials/judgements.h"
#include "tests/trials/soak_trial.h"
#include "tests/trials/swaps_trial.h"

namespace rollout {
namespace {

using Trial = std::function<absl::Status(Judgements*)>;

// A sub-command with the options that every trial has.
CLI::App* AddTrial(CLI::App& app, const std::string& name, const std::string& what, Trial trial,
                   int* exit_status) {
  struct Common {
    std::string json;
    bool no_times = false;
  };
  CLI::App* command = app.add_subcommand(name, what)->group("Trials");
  auto common = std::make_shared<Common>();
  command->add_option("--json", common->json, "File that gets the checks");
  command->add_flag("--no-times", common->no_times,
                    "Tell durations without judging them: the machine does other things, too");
  command->callback([=, trial = std::move(trial)] {
    Judgements judgements(name, !common->no_times);
    const absl::Status status = trial(&judgements);
    if (!status.ok()) judgements.Holds("the trial ran to its end", false, status.ToString());
    if (!common->json.empty()) WriteFile(common->json, judgements.ToJson().dump(1) + "\n");
    std::printf("%s: %s\n", name.c_str(), judgements.passed() ? "passed" : "FAILED");
    if (!judgements.passed()) *exit_status = 1;
  });
  return command;
}

void AddDuration(CLI::App* command, const std::string& option, absl::Duration* duration,
                 const std::string& what) {
  command->add_option_function<double>(
      option, [duration](double seconds) { *duration = absl::Seconds(seconds); },
      what + ", seconds");
}

void AddSoak(CLI::App& app, int* exit_status) {
  auto options = std::make_shared<SoakOptions>();
  CLI::App* command = AddTrial(
      app, "soak", "Swaps, reports, cancellations and crashing clients for half an hour",
      [options](Judgements* judgements) { return RunSoak(*options, judgements); }, exit_status);
  AddDuration(command, "--seconds", &options->duration, "how long");
  AddDuration(command, "--publication-interval", &options->publication_interval,
              "between versions");
  AddDuration(command, "--sample-interval", &options->sample_interval, "between looks at memory");
  command->add_option("--figure", options->figure, "SVG of memory, latency and failures");
}

void AddSwaps(CLI::App& app, int* exit_status) {
  auto options = std::make_shared<SwapsOptions>();
  CLI::App* command = AddTrial(
      app, "swaps", "A thousand publications under load, and controls that must not pass",
      [options](Judgements* judgements) { return RunSwaps(*options, judgements); }, exit_status);
  command->add_option("--publications", options->publications);
  AddDuration(command, "--interval", &options->interval, "between publications");
  command->add_option("--rate", options->rate, "requests a second of each of two clients");
  command->add_option("--control-publications", options->control_publications, "0: no controls");
}

// Ten thousand connections need as many files, here and in the server, which inherits this.
void RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  RaiseFileLimit();
  CLI::App app("What a server must endure, tried on the real programs.", "rollout-trials");
  app.require_subcommand(1);
  int exit_status = 0;
  AddSwaps(app, &exit_status);
  AddSoak(app, &exit_status);
  AddClientCommands(app, &exit_status);
  CLI11_PARSE(app, argc, argv);
  return exit_status;
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) { return rollout::Main(argc, argv); }
