#include "base/command_line.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace rollout {
namespace {

// "rollout-trainer fit": as far as the command line was understood.
std::string UnderstoodCommand(const CLI::App& app) {
  std::string command = app.get_name();
  for (const CLI::App* next = &app; !next->get_subcommands().empty();) {
    next = next->get_subcommands().front();
    absl::StrAppend(&command, " ", next->get_name());
  }
  return command;
}

std::string Reason(const CLI::App& app, const CLI::ParseError& error) {
  // CLI11 misses a subcommand before it says what stands in its place.
  const std::vector<std::string> surplus = app.remaining();
  if (app.get_subcommands().empty() && !surplus.empty()) {
    const bool option = surplus.front().rfind("-", 0) == 0;
    return absl::StrCat("\"", surplus.front(), "\" is no ", option ? "option" : "subcommand");
  }
  return absl::StrReplaceAll(error.what(), {{"\n", " "}});
}

CLI::Validator NumberThat(std::function<bool(double)> accepts, const std::string& expected,
                          const std::string& help) {
  return CLI::Validator(
      [accepts = std::move(accepts), expected](const std::string& text) {
        double number;
        if (absl::SimpleAtod(text, &number) && std::isfinite(number) && accepts(number)) {
          return std::string();
        }
        return absl::StrCat("found ", text, ", expected ", expected);
      },
      help);
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s; see %s --help\n", app.get_name().c_str(),
                 Reason(app, error).c_str(), UnderstoodCommand(app).c_str());
    return kWrongUsage;
  }
  return std::nullopt;
}

CLI::Validator WholeNumberOfAtLeast(int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) {
        int64_t number;
        if (absl::SimpleAtoi(text, &number) && number >= least) return std::string();
        return absl::StrCat("found ", text, ", expected a whole number of at least ", least);
      },
      absl::StrCat("at least ", least));
}

CLI::Validator NumberOfAtLeast(double least) {
  return NumberThat([least](double number) { return number >= least; },
                    absl::StrCat("a number of at least ", least), absl::StrCat("at least ", least));
}

CLI::Validator NumberAbove(double bound) {
  return NumberThat([bound](double number) { return number > bound; },
                    absl::StrCat("a number above ", bound), absl::StrCat("above ", bound));
}

CLI::Validator NumberAboveUpTo(double bound, double most) {
  return NumberThat([bound, most](double number) { return number > bound && number <= most; },
                    absl::StrCat("a number above ", bound, " and at most ", most),
                    absl::StrCat("above ", bound, ", at most ", most));
}

}  // namespace rollout
