// What the command lines of our programs have in common: how they refuse, and bounds of numbers.
#ifndef ROLLOUT_BASE_COMMAND_LINE_H_
#define ROLLOUT_BASE_COMMAND_LINE_H_

#include <cstdint>
#include <optional>

#include "CLI/CLI.hpp"

namespace rollout {

// The exit status of a command line that a program refuses; 1 is for what it tried and failed at.
inline constexpr int kWrongUsage = 2;

// Parses (and runs the callbacks of) `app`, whose name is the program's. An exit status where the
// program is done: 0 after --help and --version, kWrongUsage after one line on stderr that names
// what was not understood (a subcommand that there is not, too) and where help is.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv);

// Validators of options that hold one number. They refuse what is none or out of bounds with what
// was found and what was expected.
CLI::Validator WholeNumberOfAtLeast(int64_t least);
CLI::Validator NumberOfAtLeast(double least);
CLI::Validator NumberAbove(double bound);
CLI::Validator NumberAboveUpTo(double bound, double most);

}  // namespace rollout

#endif  // ROLLOUT_BASE_COMMAND_LINE_H_
