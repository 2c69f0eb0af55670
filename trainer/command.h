// The subcommands of rollout-trainer. Each file trainer/<name>_command.cc defines one function.
#ifndef ROLLOUT_TRAINER_COMMAND_H_
#define ROLLOUT_TRAINER_COMMAND_H_

#include "CLI/CLI.hpp"

namespace rollout {

// Each adds its subcommand and options to `app`; the subcommand's callback stores the process's
// exit status in
// `*exit_status` (0 = done, 1 = failed with one line on stderr).
void AddCollectCommand(CLI::App& app, int* exit_status);
void AddCheckCommand(CLI::App& app, int* exit_status);
void AddSacCommand(CLI::App& app, int* exit_status);
void AddFitCommand(CLI::App& app, int* exit_status);
void AddEvaluateCommand(CLI::App& app, int* exit_status);
void AddPublishCommand(CLI::App& app, int* exit_status);
void AddRunCommand(CLI::App& app, int* exit_status);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COMMAND_H_
