// rollout-trainer: one process that drives a system, learns its policy and its models, and
// publishes them.
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    const std::string reason = absl::StrReplaceAll(error.what(), {{"\n", " "}});
    absl::FPrintF(stderr,
                  "rollout-trainer: %s; `rollout-trainer COMMAND --help` lists the options\n",
                  reason);
    return 1;
  }
  return exit_status;
}
