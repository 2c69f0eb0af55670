// A good checkpoint is read whole; damaged in any way it is refused with the reason.
#include "models/checkpoint/checkpoint.h"

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "absl/strings/str_replace.h"
#include "models/checkpoint/manifest.h"
#include "models/checkpoint/model_json.h"
#include "models/checkpoint/safetensors.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A model of three positions and two controls: no hopper_v5.
CheckpointContent SomeContent() {
  CheckpointContent content;
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.method = IntegratorMethod::kLeapfrog;
  choice.has_force = true;
  choice.angular_positions = {1};
  content.model = RandomModel(MakeSpec(choice), 1);
  content.card = "# A card\n";
  GoldenSet golden;
  golden.lanes = 2;
  golden.horizon = 3;
  golden.initial_state = RandomStates(content.model.spec, 2, 2);
  golden.controls = RandomControls(content.model.spec, 2, 3, 3);
  golden.trajectory = RandomStates(content.model.spec, 2 * 4, 4);
  content.golden = golden;
  return content;
}

// The files of a version, to be damaged and written.
class VersionOnDisk {
 public:
  VersionOnDisk() : files_(CheckpointFiles(SomeContent())) {}

  std::string& file(const std::string& name) { return files_[name]; }
  void Remove(const std::string& name) { files_.erase(name); }

  // Replaces one piece of a file, and what the manifest says of it.
  void Edit(const std::string& name, const std::string& from, const std::string& to) {
    const std::string edited = absl::StrReplaceAll(files_.at(name), {{from, to}});
    ASSERT_NE(edited, files_.at(name)) << name << " has no " << from;
    Replace(name, edited);
  }
  void Replace(const std::string& name, const std::string& bytes) {
    files_[name] = bytes;
    List();
  }
  void EditTensors(const std::string& name,
                   const std::function<void(std::vector<NamedTensor>&)>& edit) {
    absl::StatusOr<Safetensors> read = ParseSafetensors(files_.at(name));
    ASSERT_OK(read);
    edit(read->tensors);
    Replace(name, WriteSafetensors(read->tensors));
  }
  // A manifest that fits the files as they are now.
  void List() {
    files_.erase(kManifestFile);
    Manifest manifest;
    for (const auto& [name, bytes] : files_) manifest[name] = DescribeFile(bytes);
    files_[kManifestFile] = WriteManifest(manifest);
  }

  fs::path folder() const { return repository_ / "model/7"; }
  const TemporaryDirectory& repository() const { return repository_; }

  void Write() {
    fs::create_directories(folder());
    for (const auto& [name, bytes] : files_) WriteFile(folder() / name, bytes);
  }
  absl::StatusOr<Checkpoint> Read() const {
    return ReadCheckpoint(repository_.path().string(), "model", 7);
  }

 private:
  TemporaryDirectory repository_;
  std::map<std::string, std::string> files_;
};

TEST(CheckpointTest, ReadsEverythingThatWasWritten) {
  VersionOnDisk version;
  version.Write();
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, version.Read());
  const CheckpointContent content = SomeContent();
  EXPECT_EQ(WriteModelJson(checkpoint.model->spec), WriteModelJson(content.model.spec));
  ASSERT_EQ(checkpoint.model->weights.size(), content.model.weights.size());
  for (size_t k = 0; k < content.model.weights.size(); ++k) {
    EXPECT_EQ(checkpoint.model->weights[k].name, content.model.weights[k].name);
    EXPECT_EQ(checkpoint.model->weights[k].shape, content.model.weights[k].shape);
    EXPECT_EQ(checkpoint.model->weights[k].data, content.model.weights[k].data);
  }
  ASSERT_TRUE(checkpoint.golden.has_value());
  EXPECT_EQ(checkpoint.golden->lanes, 2);
  EXPECT_EQ(checkpoint.golden->horizon, 3);
  EXPECT_EQ(checkpoint.golden->trajectory, content.golden->trajectory);
  EXPECT_EQ(checkpoint.card, content.card);
  EXPECT_EQ(checkpoint.manifest_sha256.size(), 64u);
  EXPECT_GT(checkpoint.modified_unix_ns, 0);
}

TEST(CheckpointTest, GoldenCardAndFurtherFilesAreOptional) {
  VersionOnDisk version;
  version.Remove(kGoldenFile);
  version.Remove(kCardFile);
  version.Replace("picture.svg", "<svg/>");
  version.Write();
  WriteFile(version.folder() / ".nfs0001", "left by a file system");
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, version.Read());
  EXPECT_FALSE(checkpoint.golden.has_value());
  EXPECT_EQ(checkpoint.card, "");
}

TEST(CheckpointTest, EveryKindIsWrittenAndRead) {
  const TemporaryDirectory repository;
  for (const SpecChoice& choice : EverySpecChoice()) {
    const CheckpointContent content = {RandomModel(MakeSpec(choice), 5), {}, ""};
    const fs::path folder = repository / "model/1";
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& [name, bytes] : CheckpointFiles(content)) WriteFile(folder / name, bytes);
    EXPECT_OK(ReadCheckpoint(repository.path().string(), "model", 1)) << ChoiceName(choice);
  }
}

struct Damage {
  std::string name;
  std::function<void(VersionOnDisk&)> before;       // on the files, then written
  std::function<void(const VersionOnDisk&)> after;  // on the disk
  absl::StatusCode code;
  std::string message;
};

NamedTensor& Tensor(std::vector<NamedTensor>& tensors, const std::string& name) {
  for (NamedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << name;
  return tensors.front();
}

std::vector<Damage> Damages() {
  using Version = VersionOnDisk;
  using Tensors = std::vector<NamedTensor>;
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto kMissing = absl::StatusCode::kNotFound;
  const auto kLoss = absl::StatusCode::kDataLoss;
  const auto nothing = [](const Version&) {};
  const auto untouched = [](Version&) {};
  const auto edit = [](const std::string& from, const std::string& to) {
    return [from, to](Version& v) { v.Edit(kModelFile, from, to); };
  };
  const auto weights = [](const std::function<void(Tensors&)>& change) {
    return [change](Version& v) { v.EditTensors(kWeightsFile, change); };
  };
  const auto golden = [](const std::function<void(Tensors&)>& change) {
    return [change](Version& v) { v.EditTensors(kGoldenFile, change); };
  };
  const auto remove = [](const std::string& name) {
    return [name](const Version& v) { fs::remove(v.folder() / name); };
  };
  const auto link = [](const std::string& name) {
    return [name](const Version& v) {
      fs::rename(v.folder() / name, v.folder() / ("." + name));
      fs::create_symlink("." + name, v.folder() / name);
    };
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {
      {"NoVersion", untouched, [](const Version& v) { fs::remove_all(v.folder()); }, kMissing,
       "model/7"},
      {"NoManifest", untouched, remove(kManifestFile), kMissing, "manifest.json"},
      {"NoModelFile", untouched, remove(kModelFile), kMissing, "model.json"},
      {"NoWeights", untouched, remove(kWeightsFile), kMissing, "weights.safetensors"},
      {"NoGolden", untouched, remove(kGoldenFile), kMissing, "golden.safetensors"},
      {"DamagedManifest",
       [](Version& v) { v.file(kManifestFile).pop_back(), v.file(kManifestFile)[5] = 0; }, nothing,
       kInvalid, "manifest.json: not JSON"},
      {"LargeManifest", [](Version& v) { v.file(kManifestFile).resize(2 << 20, ' '); }, nothing,
       kInvalid, "manifest.json: found 2097152 bytes"},
      {"OneBitOfTheWeights", [](Version& v) { v.file(kWeightsFile).back() ^= 1; }, nothing, kLoss,
       "weights.safetensors: found SHA-256"},
      {"OneBitOfTheSpec", [](Version& v) { v.file(kModelFile).back() ^= 1; }, nothing, kLoss,
       "model.json: found SHA-256"},
      {"OneBitOfTheCard", [](Version& v) { v.file(kCardFile)[0] ^= 1; }, nothing, kLoss,
       "card.md: found SHA-256"},
      {"CutWeights", [](Version& v) { v.file(kWeightsFile).resize(100); }, nothing, kLoss,
       "weights.safetensors: found 100 bytes"},
      {"LongerWeights", [](Version& v) { v.file(kWeightsFile) += "x"; }, nothing, kLoss,
       "weights.safetensors: found"},
      {"EmptyGolden", [](Version& v) { v.file(kGoldenFile) = ""; }, nothing, kLoss,
       "golden.safetensors: found 0 bytes"},
      {"UnlistedFile", untouched,
       [](const Version& v) { WriteFile(v.folder() / "extra.bin", "x"); }, kInvalid,
       "extra.bin is not listed"},
      {"UnlistedFolder", untouched,
       [](const Version& v) { fs::create_directory(v.folder() / "more"); }, kInvalid,
       "more is not listed"},
      {"LinkedWeights", untouched, link(kWeightsFile), kInvalid, "symbolic link"},
      {"LinkedManifest", untouched, link(kManifestFile), kInvalid, "symbolic link"},
      {"LinkedCard", untouched, link(kCardFile), kInvalid, "symbolic link"},
      {"WeightsAreAPipe", untouched,
       [](const Version& v) {
         fs::remove(v.folder() / kWeightsFile);
         ASSERT_EQ(mkfifo((v.folder() / kWeightsFile).c_str(), 0600), 0);
       },
       kInvalid, "not a regular file"},
      {"WeightsAreAFolder", untouched,
       [](const Version& v) {
         fs::remove(v.folder() / kWeightsFile);
         fs::create_directory(v.folder() / kWeightsFile);
       },
       kInvalid, "not a regular file"},
      {"VersionIsAFile", untouched,
       [](const Version& v) {
         fs::remove_all(v.folder());
         WriteFile(v.folder(), "x");
       },
       absl::StatusCode::kFailedPrecondition, "model/7"},
      {"OtherName", edit("\"model\"", "\"hopper\""), nothing, kInvalid,
       "found name \"hopper\" in the folder of \"model\""},
      {"UnknownField", edit("\"name\"", "\"new\": 1, \"name\""), nothing, kInvalid, "new"},
      {"SpecOfAnotherSize", edit("\"num_controls\": 2", "\"num_controls\": 3"), nothing, kInvalid,
       "input.mean"},
      {"AbsurdSize",
       edit("\"hidden_sizes\": [\n   16,\n   16\n  ]", "\"hidden_sizes\": [8192, 8192]"), nothing,
       kInvalid, "potential.0.weight"},
      {"UnknownReward", edit("\"name\"", "\"reward\": \"fly_v1\", \"name\""), nothing, kInvalid,
       "reward: "},
      {"RewardOfOtherSizes", edit("\"name\"", "\"reward\": \"hopper_v5\", \"name\""), nothing,
       kInvalid, "reward: "},
      {"UnknownTermination", edit("\"name\"", "\"termination\": \"fly_v1\", \"name\""), nothing,
       kInvalid, "termination: "},
      {"MissingTensor", weights([](Tensors& t) { t.pop_back(); }), nothing, kInvalid,
       "force.2.bias is missing"},
      {"UnknownTensor", weights([](Tensors& t) {
         t.push_back({"mlp.0.bias", {1}, {0}});
       }),
       nothing, kInvalid, "\"mlp.0.bias\" is unknown"},
      {"NamelessTensor", weights([](Tensors& t) {
         t.push_back({"", {1}, {0}});
       }),
       nothing, kInvalid, "\"\" is unknown"},
      {"RenamedTensor", weights([](Tensors& t) { t.back().name = "force.3.bias"; }), nothing,
       kInvalid, "force.2.bias is missing"},
      {"OtherShape", weights([](Tensors& t) { t.back().shape = {3}; }), nothing, kInvalid,
       "force.2.bias: found shape [3], expected [1, 3]"},
      {"TransposedShape", weights([](Tensors& t) {
         std::swap(Tensor(t, "potential.0.weight").shape[1],
                   Tensor(t, "potential.0.weight").shape[2]);
       }),
       nothing, kInvalid, "potential.0.weight"},
      {"NanWeight", weights([nan](Tensors& t) { t.back().data[1] = nan; }), nothing, kInvalid,
       "force.2.bias: found nan"},
      {"ZeroInputStd", weights([](Tensors& t) { Tensor(t, "input.std").data[2] = 0; }), nothing,
       kInvalid, "input.std: found 0 at element 2"},
      {"NegativeOutputStd", weights([](Tensors& t) { Tensor(t, "output.std").data[0] = -1; }),
       nothing, kInvalid, "output.std"},
      {"WeightsAreText", [](Version& v) { v.Replace(kWeightsFile, "hello, world"); }, nothing,
       kInvalid, "weights.safetensors: "},
      {"GoldenWithoutControls", golden([](Tensors& t) { t.erase(t.begin() + 1); }), nothing,
       kInvalid, "golden.safetensors: tensor controls is missing"},
      {"GoldenWithMore", golden([](Tensors& t) {
         t.push_back({"rewards", {1}, {0}});
       }),
       nothing, kInvalid, "unknown tensor rewards"},
      {"GoldenOfOtherState", golden([](Tensors& t) {
         t[0].shape = {3, 4};
       }),
       nothing, kInvalid, "initial_state"},
      {"GoldenOfOtherLanes", golden([](Tensors& t) {
         t[0].shape = {1, 6};
         t[0].data.resize(6);
       }),
       nothing, kInvalid, "[1, 6]"},
      {"GoldenOfOtherHorizon", golden([](Tensors& t) {
         Tensor(t, "trajectory").shape = {2, 3, 6};
         Tensor(t, "trajectory").data.resize(36);
       }),
       nothing, kInvalid, "[2, 3, 6]"},
      {"GoldenOfNoSteps", golden([](Tensors& t) {
         Tensor(t, "controls") = {"controls", {2, 0, 2}, {}};
         Tensor(t, "trajectory") = {"trajectory", {2, 1, 6}, std::vector<float>(12)};
       }),
       nothing, kInvalid, "at least 1"},
      {"GoldenNan", golden([nan](Tensors& t) { t[0].data[0] = nan; }), nothing, kInvalid,
       "golden.safetensors: tensor initial_state: found nan"},
  };
}

class CheckpointDamageTest : public ::testing::TestWithParam<Damage> {};

TEST_P(CheckpointDamageTest, IsRefusedWithItsReason) {
  VersionOnDisk version;
  version.Write();
  ASSERT_OK(version.Read());
  GetParam().before(version);
  version.Write();
  GetParam().after(version);
  const absl::StatusOr<Checkpoint> read = version.Read();
  EXPECT_THAT(read, StatusIs(GetParam().code, HasSubstr(GetParam().message)));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("model/7"));
}

INSTANTIATE_TEST_SUITE_P(Checkpoint, CheckpointDamageTest, ::testing::ValuesIn(Damages()),
                         [](const auto& info) { return info.param.name; });

TEST(CheckpointTest, SparseWeightsOfAbsurdSizeAreNotRead) {
  VersionOnDisk version;
  version.Write();
  const fs::path path = version.folder() / kWeightsFile;
  fs::resize_file(path, uint64_t{1} << 40);
  std::string manifest = ReadFile(version.folder() / kManifestFile);
  const std::string size = "\"bytes\": " + std::to_string(version.file(kWeightsFile).size());
  manifest = absl::StrReplaceAll(manifest, {{size, "\"bytes\": 1099511627776"}});
  WriteFile(version.folder() / kManifestFile, manifest);
  EXPECT_THAT(version.Read(), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("found 1099511627776 bytes, expected at most")));
}

TEST(CheckpointLinkTest, AVersionMayLinkInsideTheRepository) {
  VersionOnDisk version;
  version.Write();
  const std::string repository = version.repository().path().string();
  fs::create_symlink("7", version.repository() / "model/8");
  fs::create_symlink(version.folder(), version.repository() / "model/9");
  EXPECT_OK(ReadCheckpoint(repository, "model", 8));
  EXPECT_OK(ReadCheckpoint(repository, "model", 9));
}

TEST(CheckpointLinkTest, AVersionOrModelMustNotLinkOutOfTheRepository) {
  VersionOnDisk version;
  version.Write();
  const TemporaryDirectory other;
  fs::create_directory(other / "model");
  fs::create_symlink(version.folder(), other / "model/7");
  EXPECT_THAT(ReadCheckpoint(other.path().string(), "model", 7),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("outside")));
  fs::remove_all(other / "model");
  fs::create_symlink(version.repository() / "model", other / "model");
  EXPECT_THAT(ReadCheckpoint(other.path().string(), "model", 7),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("outside")));
}

TEST(CheckpointLinkTest, AFolderWhoseNameBeginsLikeTheRepositorysIsOutside) {
  VersionOnDisk version;
  version.Write();
  const fs::path inner = version.repository() / "repo";
  fs::create_directories(inner / "model");
  fs::create_directories(version.repository() / "repository");
  fs::rename(version.folder(), version.repository() / "repository/7");
  fs::create_symlink(version.repository() / "repository/7", inner / "model/7");
  EXPECT_THAT(ReadCheckpoint(inner.string(), "model", 7),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("outside")));
}

TEST(CheckpointLinkTest, TheRepositoryItselfMayBeALink) {
  VersionOnDisk version;
  version.Write();
  const TemporaryDirectory other;
  fs::create_symlink(version.repository().path(), other / "models");
  EXPECT_OK(ReadCheckpoint(other / "models", "model", 7));
}

TEST(CheckpointTest, NamesAndVersionsThatCannotBeAreRefused) {
  const TemporaryDirectory repository;
  EXPECT_THAT(ReadCheckpoint(repository.path().string(), "../model", 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../model")));
  EXPECT_THAT(ReadCheckpoint(repository.path().string(), "model", 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version 0")));
  EXPECT_THAT(ReadCheckpoint(repository / "none", "model", 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST(ValidateModelTest, RefusesATensorWithoutAllItsNumbers) {
  TransitionModel model = RandomModel(MakeSpec({}), 1);
  model.weights[5].data.pop_back();
  EXPECT_THAT(ValidateModel(model),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(model.weights[5].name)));
}

}  // namespace
}  // namespace rollout
