// rollout-trials: what a server must endure, tried on the real programs.
#include <sys/resource.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "base/command_line.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/client_commands.h"
#include "tests/trials/faults/fault.h"
#include "tests/trials/judgements.h"
#include "tests/trials/overload_trial.h"
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

void AddOverload(CLI::App& app, int* exit_status) {
  auto options = std::make_shared<OverloadOptions>();
  CLI::App* command = AddTrial(
      app, "overload", "Twice as many requests as the server can compute",
      [options](Judgements* judgements) { return RunOverload(*options, judgements); }, exit_status);
  AddDuration(command, "--seconds", &options->duration, "how long");
  AddDuration(command, "--calm", &options->calm, "before and after, each");
  command->add_option("--load", options->load, "times the capacity");
  command->add_option("--lanes", options->shape.lanes, "of a request");
  command->add_option("--horizon", options->shape.horizon, "of a request");
  command->add_option("--batch-lanes", options->batch_lanes, "the server's");
  command->add_option("--queue-lanes", options->queue_lanes, "the server's");
}

void AddFaults(CLI::App& app, int* exit_status) {
  auto options = std::make_shared<FaultsOptions>();
  CLI::App* command = AddTrial(
      app, "faults", "What goes wrong around a server, each under load",
      [options](Judgements* judgements) { return RunFaults(*options, judgements); }, exit_status);
  command->add_option("--rounds", options->rounds, "of each")->check(WholeNumberOfAtLeast(1));
  command->add_option("--connections", options->connections, "of the fault many-connections");
  command->add_flag("--quick", options->quick, "without those that take more than seconds");
  command->add_option("--only", options->only, "one of them");
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
  AddOverload(app, &exit_status);
  AddSwaps(app, &exit_status);
  AddFaults(app, &exit_status);
  AddSoak(app, &exit_status);
  AddClientCommands(app, &exit_status);
  if (const auto done = ParseCommandLine(app, argc, argv)) return *done;
  return exit_status;
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) { return rollout::Main(argc, argv); }
