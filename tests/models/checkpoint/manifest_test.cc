#include "models/checkpoint/manifest.h"

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

const char kDigest[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string Entry(const std::string& name, const std::string& digest = kDigest,
                  const std::string& bytes = "3") {
  return absl::StrCat("\"", name, "\": {\"sha256\": \"", digest, "\", \"bytes\": ", bytes, "}");
}

std::string File(const std::string& more = "") {
  return absl::StrCat("{\"files\": {", Entry("model.json"), ",", Entry("weights.safetensors"), more,
                      "}}");
}

TEST(ManifestTest, ReadsWhatItWrites) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, ParseManifest(File("," + Entry("card.md"))));
  EXPECT_EQ(manifest.size(), 3u);
  EXPECT_EQ(manifest.at("card.md").bytes, 3);
  EXPECT_EQ(manifest.at("card.md").sha256, kDigest);
  ASSERT_OK_AND_ASSIGN(const Manifest again, ParseManifest(WriteManifest(manifest)));
  EXPECT_EQ(WriteManifest(again), WriteManifest(manifest));
}

TEST(ManifestTest, ComparesBytes) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, ParseManifest(File()));
  EXPECT_OK(CheckFile("abc", manifest.at("model.json")));
  EXPECT_THAT(CheckFile("abd", manifest.at("model.json")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("SHA-256")));
  EXPECT_THAT(CheckFile("abcd", manifest.at("model.json")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("found 4 bytes, expected 3")));
}

struct Damage {
  std::string name;
  std::string text;
  std::string message;
};

class ManifestDamageTest : public ::testing::TestWithParam<Damage> {};

TEST_P(ManifestDamageTest, IsRefused) {
  EXPECT_THAT(ParseManifest(GetParam().text),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

std::vector<Damage> Damages() {
  std::string upper = kDigest;
  upper[0] = 'B';
  return {
      {"Empty", "", "not JSON"},
      {"Large", File() + std::string(1 << 20, ' '), "bytes of JSON"},
      {"List", "[]", "expected an object"},
      {"NoFiles", "{}", "\"files\""},
      {"FilesIsList", "{\"files\": []}", "\"files\""},
      {"UnknownKey", "{\"files\": {}, \"signature\": 1}", "\"files\""},
      {"FilesTwice", "{\"files\": {}, " + File().substr(1), "\"files\" twice"},
      {"NameTwice", File("," + Entry("model.json")), "\"model.json\" twice"},
      {"NoModel", "{\"files\": {" + Entry("weights.safetensors") + "}}",
       "model.json is not listed"},
      {"NoWeights", "{\"files\": {" + Entry("model.json") + "}}", "weights.safetensors is not"},
      {"Parent", File("," + Entry("..")), "found file name"},
      {"PathUp", File("," + Entry("../x")), "found file name"},
      {"SubFolder", File("," + Entry("a/b")), "found file name"},
      {"Hidden", File("," + Entry(".x")), "found file name"},
      {"EmptyName", File("," + Entry("")), "found file name"},
      {"NulInName", File("," + Entry("a\\u0000b")), "found file name"},
      {"Itself", File("," + Entry("manifest.json")), "found file name"},
      {"ShortDigest", File("," + Entry("x", "abc")), "x: found sha256"},
      {"UpperDigest", File("," + Entry("x", upper)), "lower-case"},
      {"NegativeBytes", File("," + Entry("x", kDigest, "-3")), "found bytes -3"},
      {"FractionalBytes", File("," + Entry("x", kDigest, "3.0")), "found bytes 3.0"},
      {"TextBytes", File("," + Entry("x", kDigest, "\"3\"")), "found bytes"},
      {"HugeBytes", File("," + Entry("x", kDigest, "18446744073709551615")), "found bytes"},
      {"NoDigest", File(",\"x\": {\"bytes\": 3}"), "x: found"},
      {"MoreInEntry",
       File(",\"x\": {\"sha256\": \"" + std::string(kDigest) + "\", \"bytes\": 3, \"mode\": 1}"),
       "x: found"},
  };
}

INSTANTIATE_TEST_SUITE_P(Manifest, ManifestDamageTest, ::testing::ValuesIn(Damages()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace rollout
