#include "server/recording/trace_context.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace rollout {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

TEST(TraceContextTest, TheIdsOfTheCallersSpanAreRead) {
  const auto context = ParseTraceparent(std::string("00-") + kTrace + "-" + kSpan + "-01");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, kTrace);
  EXPECT_EQ(context->span_id, kSpan);
}

TEST(TraceContextTest, ALaterVersionMaySayMore) {
  EXPECT_TRUE(ParseTraceparent(std::string("01-") + kTrace + "-" + kSpan + "-00-more"));
}

struct Bad {
  std::string name;
  std::string text;
  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }
};

class BadTraceparentTest : public testing::TestWithParam<Bad> {};

TEST_P(BadTraceparentTest, IsNone) { EXPECT_FALSE(ParseTraceparent(GetParam().text)); }

INSTANTIATE_TEST_SUITE_P(
    All, BadTraceparentTest,
    testing::Values(
        Bad{"Empty", ""}, Bad{"Short", "00-4bf92f35-00f067aa-01"},
        Bad{"UpperCase", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"},
        Bad{"NoHex", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"},
        Bad{"NoDash", "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"},
        Bad{"ZeroTrace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
        Bad{"ZeroSpan", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"},
        Bad{"VersionFf", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
        Bad{"Version00SaysMore", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"},
        Bad{"LaterVersionRunsOn", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace rollout
