#include "client/rolloutctl/array_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/rolloutctl/episode_file.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A version 1 .npy file; `header` as NumPy writes it.
std::string Npy(const std::string& header, const std::string& data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  return bytes + header + data;
}

TEST(ParseNpy, ReadsBackWhatFormatNpyWrites) {
  const std::vector<float> values = {1, 2.5f, -3, 4, 5, 6};
  const absl::StatusOr<Array> array = ParseNpy(FormatNpy(values, {2, 3}));
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(array->shape, ElementsAre(2, 3));
  EXPECT_THAT(array->values, ElementsAre(1, 2.5, -3, 4, 5, 6));
  EXPECT_EQ(FormatNpy(values, {6}).size() % 64, (6 * sizeof(float)) % 64);
}

TEST(ParseNpy, SaysWhatIsWrong) {
  const std::string eight(8, '\0');
  const auto message = [](const std::string& bytes) {
    return std::string(ParseNpy(bytes).status().message());
  };
  EXPECT_THAT(message("PK\x03\x04 something else"), HasSubstr("does not begin like a .npy"));
  EXPECT_THAT(message(Npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }", eight)),
              HasSubstr("ascontiguousarray"));
  EXPECT_THAT(message(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", eight)),
              HasSubstr("'|O'"));
  EXPECT_THAT(message(Npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", eight)),
              HasSubstr("shape [2] does not fit its 1 numbers"));
  EXPECT_THAT(message(Npy("{'descr': '<f8', 'fortran_order': False, 'shape': "
                          "(4611686018427387904, 4), }",
                          "")),
              HasSubstr("does not fit"));
  EXPECT_THAT(message(std::string("\x93NUMPY\x01\x00\xff\xff{}", 12)), HasSubstr("damaged"));
}

TEST(ParseJsonArray, TakesNestedListsOfEqualLengths) {
  const absl::StatusOr<Array> array = ParseJsonArray("[[1, 2], [3, 4.5]]");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(array->shape, ElementsAre(2, 2));
  EXPECT_THAT(array->values, ElementsAre(1, 2, 3, 4.5));
  for (const char* bad : {"[[1, 2], [3]]", "[1, [2]]", "[[1], 2]", "{\"a\": 1}", "[null]", "[1,"}) {
    EXPECT_FALSE(ParseJsonArray(bad).ok()) << bad;
  }
}

TEST(ReadArray, TakesNumbersFromTheCommandLine) {
  const absl::StatusOr<Array> array = ReadArray("--state", "0, 1.25,-3e-2");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(array->shape, ElementsAre(3));
  EXPECT_THAT(array->values, ElementsAre(0, 1.25, -0.03));
  EXPECT_THAT(std::string(ReadArray("--state", "0,x").status().message()),
              HasSubstr("--state 0,x: expected numbers"));
  EXPECT_THAT(std::string(ReadArray("--state", "gone.npy").status().message()),
              HasSubstr("cannot read gone.npy"));
}

TEST(ReadEpisode, NamesTheFileThatIsNoEpisode) {
  EXPECT_EQ(ReadEpisode("gone.json").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ReadEpisode("README.md").status().message()),
              HasSubstr("README.md: expected a .json or .npz file"));
}

}  // namespace
}  // namespace rollout
