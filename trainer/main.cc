// rollout-trainer: one process that drives a system, learns its policy and its models, and
// publishes them.
#include <string>

#include "CLI/CLI.hpp"
#include "base/command_line.h"
#include "base/version.h"
#include "trainer/command.h"

int main(int argc, char** argv) {
  CLI::App app("Collects episodes, trains policies, fits transition models and publishes them.",
               "rollout-trainer");
  app.set_version_flag("--version", std::string("rollout-trainer ") + rollout::Version());
  app.require_subcommand(1);
  int exit_status = 0;
  rollout::AddCheckCommand(app, &exit_status);
  rollout::AddCollectCommand(app, &exit_status);
  rollout::AddSacCommand(app, &exit_status);
  rollout::AddFitCommand(app, &exit_status);
  rollout::AddEvaluateCommand(app, &exit_status);
  rollout::AddPublishCommand(app, &exit_status);
  rollout::AddRunCommand(app, &exit_status);
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  return exit_status;
}
