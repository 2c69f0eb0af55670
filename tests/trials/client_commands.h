#ifndef ROLLOUT_TESTS_TRIALS_CLIENT_COMMANDS_H_
#define ROLLOUT_TESTS_TRIALS_CLIENT_COMMANDS_H_

#include "CLI/CLI.hpp"

namespace rollout {

// The sub-commands that trials start as processes of their own.
void AddClientCommands(CLI::App& app, int* exit_status);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENT_COMMANDS_H_
