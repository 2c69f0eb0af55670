#include "server/services/grpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;

std::string TextOf(const std::string& message) { return ErrorText(absl::NotFoundError(message)); }

TEST(ErrorText, WhatIsShortIsToldAsItIs) {
  EXPECT_EQ(ErrorText(absl::OkStatus()), "");
  EXPECT_EQ(TextOf("model \"walker\" is not there"), "model \"walker\" is not there");
  const std::string longest(2048, 'x');
  EXPECT_EQ(TextOf(longest), longest);
}

TEST(ErrorText, WhatIsLongIsCutAndSaysSo) {
  EXPECT_EQ(TextOf(std::string(5000, 'x')), std::string(2048, 'x') + "... (2952 bytes more)");
  EXPECT_THAT(TextOf(std::string(100 << 20, 'x')), SizeIs(Le(2100)));
}

TEST(ErrorText, NoCharacterIsCutInTwo) {
  // Two, three and four bytes of UTF-8, from every place that the cut may hit.
  for (const std::string character : {"\u00e9", "\u20ac", "\U0001d11e"}) {
    for (size_t offset = 0; offset < character.size(); ++offset) {
      std::string message(offset, 'x');
      while (message.size() < 4096) message += character;
      const std::string text = TextOf(message);
      const size_t kept = text.find("...");
      ASSERT_NE(kept, std::string::npos);
      EXPECT_EQ((kept - offset) % character.size(), 0u) << character << " after " << offset;
      EXPECT_THAT(text, HasSubstr(absl::StrCat("(", message.size() - kept, " bytes more)")));
    }
  }
}

}  // namespace
}  // namespace rollout
