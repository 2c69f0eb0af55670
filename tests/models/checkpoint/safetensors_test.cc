// The strict safetensors reader, fed with files damaged in each way.
#include "models/checkpoint/safetensors.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string File(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string Floats(const std::vector<float>& numbers) {
  return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * 4);
}

struct Damage {
  std::string name;
  std::string bytes;
  std::string message;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<Damage> Damages() {
  const std::string two = Floats({1, 2});
  const auto entry = [](const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string good = entry("[2]", "[0,8]");
  const auto pair = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}";
  };
  std::string long_length = File(good, two);
  long_length[6] = 1;
  return {
      {"Empty", "", "found 0 bytes"},
      {"SevenBytes", std::string(7, '\0'), "found 7 bytes"},
      {"LengthBeyondTheFile", long_length, "header of"},
      {"HeaderOfHalfTheFile", File(good, two).substr(0, 20), "header of"},
      {"EmptyHeader", File("", two), "start with {"},
      {"LeadingSpace", File(" " + good, two), "start with {"},
      {"LargeHeader", File(good + std::string(1 << 20, ' '), two), "header of"},
      {"NotJson", File("{\"a\":", two), "not JSON"},
      {"TrailingText", File(good + "x", two), "not JSON"},
      {"InvalidUtf8", File("{\"\xff\":1}", two), "not JSON"},
      {"HugeNumber", File(entry("[2]", "[0,1e999]"), two), "not JSON"},
      {"DeepNesting",
       File("{\"a\":" + std::string(50'000, '[') + std::string(50'000, ']') + "}", ""), "levels"},
      {"DuplicateTensor",
       File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
            R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
            two),
       "\"a\" twice"},
      {"DuplicateKeyInTensor",
       File(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", two),
       "\"dtype\" twice"},
      {"NoShape", File(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", two), "2 keys"},
      {"UnknownKey",
       File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"order":"C"}})", two),
       "\"order\""},
      {"TensorIsNoObject", File(R"({"a":[1]})", two), "tensor a: is not an object"},
      {"OtherType", File(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", two),
       "\"F64\""},
      {"TypeIsNumber", File(R"({"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}})", two),
       "dtype"},
      {"NegativeDimension", File(entry("[-2]", "[0,8]"), two), "shape holds -2"},
      {"FractionalDimension", File(entry("[2.0]", "[0,8]"), two), "shape holds 2.0"},
      {"TextDimension", File(entry("[\"2\"]", "[0,8]"), two), "shape holds"},
      {"ShapeIsNumber", File(entry("2", "[0,8]"), two), "not a list"},
      {"OverflowingShape", File(entry("[4294967296,4294967296]", "[0,8]"), two), "overflows"},
      {"OverflowToTheRightSize", File(entry("[4611686018427387905]", "[0,4]"), two), "overflows"},
      {"HugeDimension", File(entry("[18446744073709551615]", "[0,8]"), two), "shape holds"},
      {"ShapeAboveBytes", File(entry("[3]", "[0,8]"), two), "takes 12 bytes"},
      {"ShapeBelowBytes", File(entry("[1]", "[0,8]"), two), "takes 4 bytes"},
      {"HugeClaim", File(entry("[1099511627776]", "[0,4398046511104]"), two), "bytes of data"},
      {"ReversedOffsets", File(entry("[2]", "[8,0]"), two), "data_offsets"},
      {"NegativeOffset", File(entry("[2]", "[-8,0]"), two), "data_offsets"},
      {"OneOffset", File(entry("[2]", "[8]"), two), "data_offsets"},
      {"Overlap", File(pair("[0,4]", "[0,4]"), Floats({1})), "inside"},
      {"PartialOverlap",
       File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
            two),
       "inside"},
      {"Hole", File(pair("[0,4]", "[8,12]"), Floats({1, 2, 3})), "hole"},
      {"HoleAtTheStart", File(entry("[1]", "[4,8]"), two), "hole"},
      {"BytesAtTheEnd", File(good, Floats({1, 2, 3})), "found 12 bytes of data, expected 8"},
      {"MissingBytes", File(good, Floats({1})), "found 4 bytes of data, expected 8"},
      {"Nan", File(good, Floats({1, kNan})), "found nan at element 1"},
      {"Infinity", File(good, Floats({-kInfinity, 1})), "found -inf at element 0"},
      {"MetadataOfNumbers", File(R"({"__metadata__":{"a":1}})", ""), "__metadata__"},
      {"MetadataIsText", File(R"({"__metadata__":"a"})", ""), "__metadata__"},
  };
}

class SafetensorsDamageTest : public ::testing::TestWithParam<Damage> {};

TEST_P(SafetensorsDamageTest, IsRefusedWithItsReason) {
  EXPECT_THAT(ParseSafetensors(GetParam().bytes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Safetensors, SafetensorsDamageTest, ::testing::ValuesIn(Damages()),
                         [](const auto& info) { return info.param.name; });

std::vector<NamedTensor> SomeTensors() {
  return {{"weight", {1, 2, 3}, {1, 2, 3, 4, 5, 6}},
          {"none", {0, 7}, {}},
          {"number", {}, {-0.5f}},
          {"b\"é", {2}, {1e-30f, 3e38f}}};
}

TEST(SafetensorsTest, ReadsWhatItWrites) {
  const std::string bytes = WriteSafetensors(SomeTensors(), {{"format", "pt"}});
  ASSERT_OK_AND_ASSIGN(const Safetensors read, ParseSafetensors(bytes));
  ASSERT_EQ(read.tensors.size(), 4u);
  EXPECT_EQ(read.tensors[0].name, "weight");
  EXPECT_THAT(read.tensors[0].shape, ElementsAre(1, 2, 3));
  EXPECT_THAT(read.tensors[0].data, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(read.metadata.at("format"), "pt");
  EXPECT_EQ(WriteSafetensors(read.tensors, read.metadata), bytes);
}

TEST(SafetensorsTest, EveryPrefixIsRefused) {
  const std::string bytes = WriteSafetensors(SomeTensors());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(ParseSafetensors(absl::string_view(bytes).substr(0, length)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")))
        << length;
  }
}

TEST(SafetensorsTest, TakesUnalignedDataAndTrailingSpaces) {
  for (int spaces = 0; spaces < 9; ++spaces) {
    const std::string header =
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})" + std::string(spaces, ' ');
    ASSERT_OK_AND_ASSIGN(const Safetensors read, ParseSafetensors(File(header, Floats({1, 2}))));
    EXPECT_THAT(read.tensors[0].data, ElementsAre(1, 2));
  }
}

TEST(SafetensorsTest, OrderOfTheHeaderDoesNotMatter) {
  const std::string header = R"({"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  ASSERT_OK_AND_ASSIGN(const Safetensors read, ParseSafetensors(File(header, Floats({1, 2}))));
  EXPECT_EQ(read.tensors[0].name, "z");
  EXPECT_THAT(read.tensors[1].data, ElementsAre(2));
}

TEST(SafetensorsFileTest, ReplacesAWholeFile) {
  const TemporaryDirectory folder;
  const std::string path = folder / "actor.safetensors";
  ASSERT_OK(WriteSafetensorsFile(path, SomeTensors()));
  ASSERT_OK(WriteSafetensorsFile(path, {{"only", {1}, {7}}}, {{"task", "hopper_v5"}}));
  ASSERT_OK_AND_ASSIGN(const Safetensors read, ReadSafetensorsFile(path));
  EXPECT_THAT(read.tensors[0].data, ElementsAre(7));
  EXPECT_EQ(read.metadata.at("task"), "hopper_v5");
  EXPECT_THAT(ListFolder(folder.path()), ElementsAre("actor.safetensors"));
}

TEST(SafetensorsFileTest, NamesAMissingFile) {
  const TemporaryDirectory folder;
  EXPECT_THAT(ReadSafetensorsFile(folder / "none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(WriteSafetensorsFile(folder / "no/such", SomeTensors()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no")));
}

}  // namespace
}  // namespace rollout
