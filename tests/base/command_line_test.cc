#include "base/command_line.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  std::optional<int> exit_status;
  std::string errors;  // on stderr
};

// `program` with the subcommand "fit --steps INT" and `arguments`.
Outcome Parse(const std::vector<const char*>& arguments) {
  CLI::App app("Tries command lines.", "program");
  app.require_subcommand(1);
  int steps = 1;
  app.add_subcommand("fit", "Fits.")
      ->add_option("--steps", steps, "Steps")
      ->check(WholeNumberOfAtLeast(1));
  std::vector<const char*> words = {"program"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_status = ParseCommandLine(app, static_cast<int>(words.size()), words.data());
  outcome.errors = ::testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(ParseCommandLine, GoesOnAfterACommandThatItUnderstands) {
  const Outcome outcome = Parse({"fit", "--steps", "3"});
  EXPECT_EQ(outcome.exit_status, std::nullopt);
  EXPECT_EQ(outcome.errors, "");
}

TEST(ParseCommandLine, RefusesInOneLineThatNamesWhatAndWhereHelpIs) {
  const struct {
    std::vector<const char*> arguments;
    const char* line;
  } cases[] = {
      {{"fitt", "--steps", "3"}, "program: \"fitt\" is no subcommand; see program --help\n"},
      {{"fit", "--steps", "0"},
       "program: --steps: found 0, expected a whole number of at least 1; see program fit "
       "--help\n"},
      {{"fit", "--stepps", "3"},
       "program: The following arguments were not expected: 3 --stepps; see program fit --help\n"},
      {{"--stepps=3"}, "program: \"--stepps=3\" is no option; see program --help\n"},
      {{}, "program: A subcommand is required; see program --help\n"},
  };
  for (const auto& one : cases) {
    const Outcome outcome = Parse(one.arguments);
    EXPECT_EQ(outcome.exit_status, kWrongUsage) << one.line;
    EXPECT_EQ(outcome.errors, one.line);
  }
}

TEST(ParseCommandLine, HelpIsNoFailure) {
  ::testing::internal::CaptureStdout();
  const Outcome outcome = Parse({"fit", "--help"});
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("--steps"));
  EXPECT_EQ(outcome.exit_status, 0);
}

TEST(Validators, AcceptTheirBoundsAndSayWhatWasFound) {
  const struct {
    CLI::Validator validator;
    std::vector<const char*> good;
    std::vector<const char*> bad;
    const char* expected;
  } cases[] = {
      {WholeNumberOfAtLeast(1),
       {"1", "9000000000"},
       {"0", "-1", "1.5", "x", ""},
       "expected a whole number of at least 1"},
      {WholeNumberOfAtLeast(0), {"0", "7"}, {"-1"}, "expected a whole number of at least 0"},
      {NumberOfAtLeast(0),
       {"0", "0.5"},
       {"-0.1", "nan", "inf", "x"},
       "expected a number of at least 0"},
      {NumberAbove(0), {"1e-9", "3"}, {"0", "-1", "nan"}, "expected a number above 0"},
      {NumberAboveUpTo(0, 1),
       {"0.99", "1"},
       {"0", "1.01", "nan"},
       "expected a number above 0 and at most 1"},
  };
  for (const auto& one : cases) {
    for (std::string text : one.good) EXPECT_EQ(one.validator(text), "") << text;
    for (std::string text : one.bad) {
      const std::string found = one.validator(text);
      EXPECT_THAT(found, StartsWith("found " + text));
      EXPECT_THAT(found, HasSubstr(one.expected));
    }
  }
}

}  // namespace
}  // namespace rollout
