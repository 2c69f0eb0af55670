// rolloutctl: asks, measures and watches a rolloutd from the command line.
#include <cstdlib>
#include <string>

#include "CLI/CLI.hpp"
#include "base/command_line.h"
#include "base/version.h"
#include "client/rolloutctl/command.h"

int main(int argc, char** argv) {
  // Failures are one line of ours; gRPC's own log says them again in raw ones. Whoever wants those
  // sets the variable.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CLI::App app("Asks, measures and watches a rolloutd.", "rolloutctl");
  app.set_version_flag("--version", std::string("rolloutctl ") + rollout::Version());
  app.require_subcommand(1);
  // So that --server and --json may also follow the subcommand.
  app.fallthrough();
  rollout::CommonOptions common;
  app.add_option("--server", common.server, "host:port of rolloutd")
      ->envname("ROLLOUTCTL_SERVER")
      ->capture_default_str();
  app.add_flag("--json", common.json, "print JSON for programs");
  rollout::AddDurationOption(&app, "--timeout", &common.timeout, "deadline of one call");
  rollout::AddSecurityOptions(&app, &common.security);
  int exit_status = 0;
  rollout::AddModelsCommand(app, &common, &exit_status);
  rollout::AddRolloutCommand(app, &common, &exit_status);
  rollout::AddGradientCommand(app, &common, &exit_status);
  rollout::AddLinearizeCommand(app, &common, &exit_status);
  rollout::AddReportCommand(app, &common, &exit_status);
  rollout::AddBenchCommand(app, &common, &exit_status);
  rollout::AddWatchCommand(app, &common, &exit_status);
  rollout::AddStreamCommand(app, &common, &exit_status);
  rollout::AddAdminCommands(app, &common, &exit_status);
  rollout::AddHealthCommand(app, &common, &exit_status);
  rollout::AddVersionCommand(app, &common, rollout::Version(), &exit_status);
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  return exit_status;
}
