// The subcommands of rolloutctl and what they share. Each file <name>_command.cc defines one.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_COMMAND_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_COMMAND_H_

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace rollout {

// Options that every subcommand takes, before or after its name.
struct CommonOptions {
  std::string server = "127.0.0.1:8001";
  bool json = false;
  ChannelSecurityOptions security;
  absl::Duration timeout = absl::Seconds(30);  // of one call; connecting gets at most 5 s of it
};

// Each adds its subcommand to `app`; the callback stores the exit status in `*exit_status`: 0 =
// done, 1 = failed with one line on stderr. `common` outlives the app.
void AddModelsCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddRolloutCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddGradientCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddLinearizeCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddReportCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddBenchCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddWatchCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddStreamCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
// load, unload, pin, label, drain.
void AddAdminCommands(CLI::App& app, const CommonOptions* common, int* exit_status);
void AddHealthCommand(CLI::App& app, const CommonOptions* common, int* exit_status);
// `own_version` is this program's.
void AddVersionCommand(CLI::App& app, const CommonOptions* common, const std::string& own_version,
                       int* exit_status);

// --tls, --tls-ca ..., --token-file.
void AddSecurityOptions(CLI::App* app, ChannelSecurityOptions* security);

// Connects as `common` says; its timeouts take the place of those in `options`.
absl::StatusOr<std::unique_ptr<Client>> ConnectTo(const CommonOptions& common,
                                                  ClientOptions options = {});

// 0 for OK; else prints "rolloutctl: <message> (<CODE>)" on stderr and returns 1.
int ExitStatus(const absl::Status& status);

// An option holding a duration: "250ms", "5s", "1m", or a plain number of seconds.
CLI::Option* AddDurationOption(CLI::App* app, const std::string& name, absl::Duration* value,
                               const std::string& description);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_COMMAND_H_
