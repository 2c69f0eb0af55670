#include <hdf5.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <limits>

#include "datasets/dataset_path.h"
#include "datasets/dataset_reader.h"
#include "datasets/dataset_writer.h"
#include "datasets/split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/datasets/small_dataset.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void ExpectSameEpisode(const Episode& found, const Episode& expected) {
  EXPECT_EQ(found.id, expected.id);
  EXPECT_EQ(found.seed, expected.seed);
  EXPECT_EQ(found.policy, expected.policy);
  EXPECT_EQ(found.states, expected.states);
  EXPECT_EQ(found.actions, expected.actions);
  EXPECT_EQ(found.rewards, expected.rewards);
  EXPECT_EQ(found.terminations, expected.terminations);
  EXPECT_EQ(found.truncations, expected.truncations);
}

void ExpectSameInfo(const DatasetInfo& found, const DatasetInfo& expected) {
  EXPECT_EQ(found.id, expected.id);
  EXPECT_EQ(found.system, expected.system);
  EXPECT_EQ(found.num_positions, expected.num_positions);
  EXPECT_EQ(found.num_velocities, expected.num_velocities);
  EXPECT_EQ(found.num_controls, expected.num_controls);
  EXPECT_EQ(found.dt, expected.dt);
  EXPECT_EQ(found.angular_positions, expected.angular_positions);
  EXPECT_EQ(found.ignored_positions, expected.ignored_positions);
  EXPECT_EQ(found.control_low, expected.control_low);
  EXPECT_EQ(found.control_high, expected.control_high);
  EXPECT_EQ(found.state_names, expected.state_names);
  EXPECT_EQ(found.control_names, expected.control_names);
  EXPECT_EQ(found.reward, expected.reward);
  EXPECT_EQ(found.termination, expected.termination);
}

// Writes `count` episodes of 5, 6, 7 ... steps.
absl::Status WriteSmall(const std::string& path, int count,
                        const DatasetWriterOptions& options = {}) {
  auto writer = DatasetWriter::Create(path, SmallInfo(), options);
  if (!writer.ok()) return writer.status();
  for (int id = 0; id < count; ++id) {
    const absl::Status status = (*writer)->Append(SmallEpisode(id, 5 + id));
    if (!status.ok()) return status;
  }
  return (*writer)->Close();
}

class DatasetTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  // Opens the HDF5 file with the library itself, to damage it.
  void Damage(const std::string& path, const std::function<void(hid_t)>& damage) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    damage(file);
    H5Fclose(file);
  }

  TemporaryDirectory folder_;
};

TEST_F(DatasetTest, RoundTripKeepsEveryNumberAndAttribute) {
  for (const int deflate_level : {0, 1, 9}) {
    const std::string path = Path("small" + std::to_string(deflate_level) + ".hdf5");
    ASSERT_TRUE(WriteSmall(path, 12, {.deflate_level = deflate_level}).ok());
    const auto reader = DatasetReader::Open(path);
    ASSERT_TRUE(reader.ok()) << reader.status();
    ExpectSameInfo((*reader)->info(), SmallInfo());
    EXPECT_EQ((*reader)->num_episodes(), 12);
    EXPECT_EQ((*reader)->num_steps(), 12 * 5 + 66);
    const auto episodes = (*reader)->ReadAll();
    ASSERT_TRUE(episodes.ok()) << episodes.status();
    for (int id = 0; id < 12; ++id) ExpectSameEpisode((*episodes)[id], SmallEpisode(id, 5 + id));
  }
}

// The same episodes give the same bytes, whenever they are written.
TEST_F(DatasetTest, NoObjectKeepsTheTimeOfItsWriting) {
  const std::string path = Path("timeless.hdf5");
  ASSERT_TRUE(WriteSmall(path, 2).ok());
  std::vector<std::string> seen, timed;
  const auto look = [&](const char* name, const H5O_info_t& object) {
    seen.push_back(name);
    if (object.atime != 0 || object.mtime != 0 || object.ctime != 0 || object.btime != 0) {
      timed.push_back(name);
    }
  };
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const auto visit = [](hid_t, const char* name, const H5O_info_t* object, void* visitor) {
    (*static_cast<decltype(look)*>(visitor))(name, *object);
    return herr_t{0};
  };
  EXPECT_GE(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit,
                      const_cast<void*>(static_cast<const void*>(&look)), H5O_INFO_TIME),
            0);
  H5Fclose(file);
  EXPECT_THAT(seen, testing::IsSupersetOf({".", "episode_0", "episode_1", "episode_1/actions"}));
  EXPECT_THAT(timed, IsEmpty());
}

TEST_F(DatasetTest, EmptyListsAndNoControlsSurvive) {
  const std::string path = Path("autonomous.hdf5");
  DatasetInfo info;
  info.id = "autonomous";
  info.num_positions = 3;
  info.num_velocities = 2;
  info.dt = 1.0;
  Episode episode;
  episode.states.assign(15, 0.5);
  episode.rewards = {0, 0};
  episode.terminations = {0, 0};
  episode.truncations = {0, 1};
  for (const int level : {0, 1}) {
    auto writer = DatasetWriter::Create(path, info, {.overwrite = true, .deflate_level = level});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Append(episode).ok());
    ASSERT_TRUE((*writer)->Close().ok());
    const auto reader = DatasetReader::Open(path);
    ASSERT_TRUE(reader.ok()) << reader.status();
    ExpectSameInfo((*reader)->info(), info);
    const auto read = (*reader)->Read(0);
    ASSERT_TRUE(read.ok()) << read.status();
    ExpectSameEpisode(*read, episode);
  }
}

TEST_F(DatasetTest, FolderGetsMinarisLayout) {
  ASSERT_TRUE(WriteSmall(Path("rollout/small-v0"), 2).ok());
  EXPECT_THAT(ListFolder(folder_ / "rollout/small-v0/data"),
              ElementsAre("main_data.hdf5", "metadata.json"));
  EXPECT_TRUE(DatasetReader::Open(Path("rollout/small-v0")).ok());
  EXPECT_TRUE(DatasetReader::Open(Path("rollout/small-v0/data/main_data.hdf5")).ok());
}

TEST_F(DatasetTest, SingleFileStandsAlone) {
  ASSERT_TRUE(WriteSmall(Path("small.hdf5"), 1).ok());
  EXPECT_THAT(ListFolder(folder_.path()), ElementsAre("small.hdf5"));
}

TEST(DatasetPathTest, FileOrFolder) {
  EXPECT_EQ(ResolveDatasetPath("a/b.hdf5").file, "a/b.hdf5");
  EXPECT_EQ(ResolveDatasetPath("a/b.h5").metadata, "");
  EXPECT_EQ(ResolveDatasetPath("a/b").file, "a/b/data/main_data.hdf5");
  EXPECT_EQ(ResolveDatasetPath("a/b/").metadata, "a/b/data/metadata.json");
  EXPECT_EQ(ResolveDatasetPath("main_data.hdf5").metadata, "metadata.json");
  EXPECT_EQ(ResolveDatasetPath("a/not_main_data.hdf5").metadata, "");
}

TEST_F(DatasetTest, NothingIsInPlaceBeforeClose) {
  {
    auto writer = DatasetWriter::Create(Path("d.hdf5"), SmallInfo());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Append(SmallEpisode(0, 5)).ok());
    EXPECT_EQ(DatasetReader::Open(Path("d.hdf5")).status().code(), absl::StatusCode::kNotFound);
  }
  EXPECT_THAT(ListFolder(folder_.path()), IsEmpty()) << "a writer that gives up leaves nothing";
}

TEST_F(DatasetTest, KilledWriterLeavesTheOldDatasetReadable) {
  ASSERT_TRUE(WriteSmall(Path("d.hdf5"), 3).ok());
  const pid_t child = fork();
  if (child == 0) {
    auto writer = DatasetWriter::Create(Path("d.hdf5"), SmallInfo(), {.overwrite = true});
    if (writer.ok() && (*writer)->Append(SmallEpisode(0, 5)).ok()) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto reader = DatasetReader::Open(Path("d.hdf5"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->num_episodes(), 3);
  // The next run takes the leftover's place.
  EXPECT_TRUE(WriteSmall(Path("d.hdf5"), 1, {.overwrite = true}).ok());
  EXPECT_THAT(ListFolder(folder_.path()), ElementsAre("d.hdf5"));
}

TEST_F(DatasetTest, ExistingDatasetIsKeptUnlessTold) {
  ASSERT_TRUE(WriteSmall(Path("d.hdf5"), 3).ok());
  EXPECT_EQ(WriteSmall(Path("d.hdf5"), 1).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(WriteSmall(Path("d.hdf5"), 1, {.overwrite = true}).ok());
  EXPECT_EQ((*DatasetReader::Open(Path("d.hdf5")))->num_episodes(), 1);
}

TEST_F(DatasetTest, FullDiskIsAnErrorAndLeavesNothing) {
  // A limit on the size of files stands in for a full disk.
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 20000, .rlim_max = 20000};
    setrlimit(RLIMIT_FSIZE, &limit);
    _exit(WriteSmall(Path("d.hdf5"), 100).code() == absl::StatusCode::kUnavailable ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(ListFolder(folder_.path()), IsEmpty());
}

TEST_F(DatasetTest, WriterRefusesEpisodesThatDoNotFit) {
  auto writer = DatasetWriter::Create(Path("d.hdf5"), SmallInfo());
  ASSERT_TRUE(writer.ok());
  const auto refusal = [&](const std::function<void(Episode&)>& spoil) {
    Episode episode = SmallEpisode(0, 5);
    spoil(episode);
    const absl::Status status = (*writer)->Append(episode);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal([](Episode& e) { e.id = 1; }), HasSubstr("has id 1, expected 0"));
  EXPECT_THAT(refusal([](Episode& e) { e.states.resize(20); }),
              HasSubstr("states has 20 numbers, expected 24 for 5 steps"));
  EXPECT_THAT(refusal([](Episode& e) { e.actions.pop_back(); }), HasSubstr("actions has 4"));
  EXPECT_THAT(refusal([](Episode& e) { e.terminations.clear(); }), HasSubstr("terminations"));
  EXPECT_THAT(refusal([](Episode& e) { e.truncations.push_back(0); }), HasSubstr("truncations"));
  EXPECT_THAT(refusal([](Episode& e) { e = Episode(); }), HasSubstr("no step"));
  EXPECT_TRUE((*writer)->Append(SmallEpisode(0, 5)).ok()) << "refusals change nothing";
}

TEST_F(DatasetTest, ContradictingInfoIsRefusedByField) {
  const auto refusal = [&](const std::function<void(DatasetInfo&)>& spoil) {
    DatasetInfo info = SmallInfo();
    spoil(info);
    const absl::Status status = DatasetWriter::Create(Path("d.hdf5"), info).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.id = ""; }), HasSubstr("id is empty"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.num_positions = 0; }), HasSubstr("num_positions"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.dt = 0; }), HasSubstr("dt is 0"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.angular_positions = {2}; }),
              HasSubstr("angular_positions holds 2"));
  EXPECT_THAT(refusal([](DatasetInfo& i) {
                i.ignored_positions = {0, 0};
              }),
              HasSubstr("strictly increasing"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.ignored_positions = {1}; }),
              HasSubstr("none of the angular_positions"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.control_low = {}; }), HasSubstr("0 and 1 numbers"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.control_low = {2.0}; }), HasSubstr("low below high"));
  EXPECT_THAT(refusal([](DatasetInfo& i) { i.state_names.pop_back(); }), HasSubstr("3 names"));
  EXPECT_THAT(ListFolder(folder_.path()), IsEmpty());
}

TEST_F(DatasetTest, UnwritableFolderIsNamed) {
  WriteFile(folder_ / "file", "not a folder");
  const absl::Status status = WriteSmall(Path("file/d.hdf5"), 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("file"));
}

TEST_F(DatasetTest, DamagedFilesAreRefusedSayingWhatAndWhere) {
  struct Case {
    const char* name;
    std::function<void(hid_t)> damage;
    std::vector<const char*> message;
  };
  const auto replace = [](const char* name, std::vector<hsize_t> sizes) {
    return [=](hid_t file) {
      H5Ldelete(file, name, H5P_DEFAULT);
      const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
      H5Dclose(
          H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
      H5Sclose(space);
    };
  };
  const auto remove = [](const char* name) {
    return [=](hid_t file) { H5Ldelete(file, name, H5P_DEFAULT); };
  };
  const Case cases[] = {
      {"no rewards", remove("episode_1/rewards"), {"/episode_1/rewards is missing"}},
      {"rows",
       replace("episode_1/observations", {6, 4}),
       {"/episode_1/observations has 6 rows, expected 7"}},
      {"width",
       replace("episode_1/observations", {7, 3}),
       {"/episode_1/observations has rows of 3 numbers, expected 4"}},
      {"rank", replace("episode_1/actions", {6}), {"/episode_1/actions has 1 dimensions"}},
      {"no steps", replace("episode_1/actions", {0, 1}), {"/episode_1/actions has no rows"}},
      {"rewards", replace("episode_1/rewards", {5}), {"/episode_1/rewards has 5 rows, expected 6"}},
      {"huge", replace("episode_1/actions", {hsize_t{1} << 50, 1}), {"declares"}},
      {"group for array",
       [](hid_t file) {
         H5Ldelete(file, "episode_1/observations", H5P_DEFAULT);
         H5Gclose(
             H5Gcreate2(file, "episode_1/observations", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
       },
       {"/episode_1/observations is not an array"}},
      {"no dt", [](hid_t file) { H5Adelete(file, "dt"); }, {"no attribute dt"}},
      {"no num_positions",
       [](hid_t file) { H5Adelete(file, "num_positions"); },
       {"no attribute num_positions"}},
      {"no episodes",
       [](hid_t file) {
         H5Ldelete(file, "episode_0", H5P_DEFAULT);
         H5Ldelete(file, "episode_1", H5P_DEFAULT);
       },
       {"has no episode"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string path = Path("d.hdf5");
    ASSERT_TRUE(WriteSmall(path, 2, {.overwrite = true}).ok());
    Damage(path, c.damage);
    testing::internal::CaptureStderr();
    const absl::Status status = DatasetReader::Open(path).status();
    EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    for (const char* part : c.message) EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST_F(DatasetTest, OtherFilesAreNoDatasets) {
  WriteFile(folder_ / "text.hdf5", "hello");
  testing::internal::CaptureStderr();
  EXPECT_EQ(DatasetReader::Open(Path("text.hdf5")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DatasetReader::Open(Path("none.hdf5")).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteSmall(Path("d.hdf5"), 20).ok());
  const std::string bytes = ReadFile(folder_ / "d.hdf5");
  WriteFile(folder_ / "cut.hdf5", bytes.substr(0, bytes.size() / 2));
  EXPECT_FALSE(DatasetReader::Open(Path("cut.hdf5")).ok());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST_F(DatasetTest, NonFiniteNumbersAreRefusedWithTheirPlaceUnlessAllowed) {
  auto writer = DatasetWriter::Create(Path("d.hdf5"), SmallInfo());
  ASSERT_TRUE(writer.ok());
  Episode episode = SmallEpisode(0, 5);
  episode.states[2 * 4 + 3] = std::numeric_limits<double>::infinity();
  ASSERT_TRUE((*writer)->Append(episode).ok());
  ASSERT_TRUE((*writer)->Close().ok());
  const auto reader = DatasetReader::Open(Path("d.hdf5"));
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT(std::string((*reader)->Read(0).status().message()),
              AllOf(HasSubstr("/episode_0/observations holds inf in row 2, column 3")));
  EXPECT_TRUE((*reader)->Read(0, NonFinite::kAllow).ok());
  EXPECT_EQ((*reader)->Read(1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(SplitTest, IsAFunctionOfDatasetAndEpisodeAlone) {
  // The first digits of sha256("rollout/hopper_v5-v0\n7"): this never changes between releases.
  EXPECT_DOUBLE_EQ(SplitPosition("rollout/hopper_v5-v0", 7),
                   static_cast<double>(0x4ffa80781d21a030u >> 11) * 0x1p-53);
  EXPECT_NE(SplitPosition("a", 11), SplitPosition("a1", 1));
}

TEST(SplitTest, SidesHaveTheFractionAskedForAndAreNested) {
  int test = 0;
  for (int64_t id = 0; id < 10000; ++id) {
    const bool small = SideOfEpisode("rollout/x-v0", id, 0.1) == SplitSide::kTest;
    const bool large = SideOfEpisode("rollout/x-v0", id, 0.2) == SplitSide::kTest;
    EXPECT_TRUE(large || !small);
    test += large;
  }
  EXPECT_NEAR(test, 2000, 150);
  EXPECT_EQ(SideOfEpisode("x", 0, 0.0), SplitSide::kTrain);
  EXPECT_EQ(SideOfEpisode("x", 0, 1.0), SplitSide::kTest);
}

}  // namespace
}  // namespace rollout
