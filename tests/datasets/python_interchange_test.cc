// Datasets go from here to Minari and from h5py and Minari to here.
#include <cstdlib>

#include "datasets/dataset_reader.h"
#include "datasets/dataset_writer.h"
#include "gtest/gtest.h"
#include "tests/datasets/small_dataset.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

// The exit status of a Python script of tests/datasets; its output is the test's.
int RunPython(const std::string& script, const std::string& argument) {
  const std::string command =
      std::string(ROLLOUT_TEST_PYTHON) + " tests/datasets/" + script + " " + argument;
  return std::system(command.c_str());
}

TEST(PythonInterchangeTest, MinariIteratesSamplesAndFiltersOurDatasets) {
  const TemporaryDirectory folder;
  auto writer = DatasetWriter::Create((folder / "rollout/small-v0").string(), SmallInfo());
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int id = 0; id < 4; ++id) ASSERT_TRUE((*writer)->Append(SmallEpisode(id, 5 + id)).ok());
  ASSERT_TRUE((*writer)->Close().ok());
  EXPECT_EQ(RunPython("minari_reads.py", folder.path().string()), 0);
}

TEST(PythonInterchangeTest, ReaderTakesDatasetsOfH5pyAndMinari) {
  const TemporaryDirectory folder;
  ASSERT_EQ(RunPython("python_writes.py", folder.path().string()), 0);
  for (const auto& [path, episodes, id] :
       {std::tuple("h5py.hdf5", 11, "h5py"), {"minari/small-v0", 3, "minari/small-v0"}}) {
    SCOPED_TRACE(path);
    const auto reader = DatasetReader::Open((folder / path).string());
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ((*reader)->num_episodes(), episodes);
    const DatasetInfo& info = (*reader)->info();
    EXPECT_EQ(info.id, id);
    EXPECT_EQ(info.num_positions, 3);
    EXPECT_EQ(info.num_velocities, 2);
    EXPECT_EQ(info.num_controls, 2);
    EXPECT_EQ(info.dt, 0.25);
    const auto episode = (*reader)->Read(2);
    ASSERT_TRUE(episode.ok()) << episode.status();
    EXPECT_EQ(episode->id, 2);
    EXPECT_EQ(episode->num_steps(), 5);
    EXPECT_EQ(episode->states.back(), 29 / 4.0);
    EXPECT_EQ(episode->terminations, (std::vector<uint8_t>{0, 0, 0, 0, 1}));
    EXPECT_EQ(episode->truncations, (std::vector<uint8_t>{0, 0, 0, 0, 0}));
  }
}

}  // namespace
}  // namespace rollout
