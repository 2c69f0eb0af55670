#include "base/terminal.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace rollout {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ProgressText, TellsShareRateAndTimeLeft) {
  const std::string text =
      ProgressText("collect", "steps", 600, 1000, absl::Seconds(5), "return 812");
  EXPECT_THAT(text, StartsWith("collect █"));
  EXPECT_THAT(text, HasSubstr(" 60% 600/1000 steps 120/s 3s left"));
  EXPECT_THAT(text, EndsWith("return 812"));
}

TEST(ProgressText, OfAnUnknownTotalCountsOnly) {
  EXPECT_EQ(ProgressText("watch", "events", 5, 0, absl::ZeroDuration(), ""), "watch 5 events");
}

TEST(ProgressLine, WritesNothingWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  RealClock clock;
  {
    ProgressLine line(file, "fit", "steps", 10, &clock);
    line.Update(10);
  }
  EXPECT_EQ(std::ftell(file), 0);
  EXPECT_FALSE(HasColours(file));
  std::fclose(file);
}

TEST(Coloured, LeavesTextAloneWithoutColours) {
  EXPECT_EQ(Coloured("READY", Colour::kGreen, false), "READY");
  EXPECT_EQ(Coloured("READY", Colour::kGreen, true), "\033[32mREADY\033[0m");
}

}  // namespace
}  // namespace rollout
