#include "base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace rollout {
namespace {

TEST(PrintableTest, NothingBreaksALineOrDrivesATerminal) {
  EXPECT_EQ(Printable("weights: got \"a b\", expected ~"), "weights: got \"a b\", expected ~");
  EXPECT_EQ(Printable("a\nb\r\x1b[2J\x7f"), "a\\x0ab\\x0d\\x1b[2J\\x7f");
  EXPECT_EQ(Printable(std::string("\0\xff\xc3\xa9", 4)), "\\x00\\xff\\xc3\\xa9");
  EXPECT_EQ(Printable(""), "");
}

TEST(PrintableTest, NothingEndsAQuotation) {
  EXPECT_EQ(ForQuotes("a\" level=error event=\"forged\n"), "a' level=error event='forged\\x0a");
}

TEST(PrintableTest, AStatusKeepsItsCodeAndPayloads) {
  absl::Status status = absl::NotFoundError("a\nb");
  status.SetPayload("type", absl::Cord("payload"));
  const absl::Status printable = Printable(status);
  EXPECT_EQ(printable.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(printable.message(), "a\\x0ab");
  EXPECT_TRUE(printable.GetPayload("type") == absl::Cord("payload"));
  EXPECT_TRUE(Printable(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace rollout
