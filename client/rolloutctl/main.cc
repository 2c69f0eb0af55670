// rolloutctl: asks, measures and watches a rolloutd from the command line.
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/version.h"
#include "client/rolloutctl/command.h"

int main(int argc, char** argv) {
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked_for_help) {
    return app.exit(asked_for_help);
  } catch (const CLI::ParseError& error) {
    // CLI11 misses a subcommand before it says what stands in its place.
    const std::vector<std::string> surplus = app.remaining();
    if (app.get_subcommands().empty() && !surplus.empty()) {
      std::fprintf(stderr, "rolloutctl: \"%s\" is no subcommand; see rolloutctl --help\n",
                   surplus.front().c_str());
    } else {
      std::fprintf(stderr, "rolloutctl: %s; see rolloutctl --help\n", error.what());
    }
    return 2;
  }
  return exit_status;
}
