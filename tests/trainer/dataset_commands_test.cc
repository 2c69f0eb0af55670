// rollout-trainer collect and check as processes: what they print, write and exit with.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "datasets/dataset_reader.h"
#include "datasets/dataset_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string output;  // stdout and stderr
};

Outcome Trainer(const std::string& arguments) {
  Outcome outcome;
  const std::string command = std::string(ROLLOUT_TRAINER) + " " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  for (size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    outcome.output.append(buffer.data(), n);
  }
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

class DatasetCommandsTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryDirectory folder_;
};

TEST_F(DatasetCommandsTest, CollectedDatasetPassesTheCheck) {
  const Outcome collected = Trainer(
      "collect --system swimmer_v5 --episodes 20 --seed 3 "
      "--max-episode-steps 60 --threads 2 --json --out " +
      Path("swimmer.hdf5"));
  ASSERT_EQ(collected.status, 0) << collected.output;
  const auto report = nlohmann::json::parse(collected.output);
  EXPECT_EQ(report["dataset_id"], "rollout/swimmer_v5-v0");
  EXPECT_EQ(report["episodes"], 20);
  EXPECT_EQ(report["steps"], 1200);
  EXPECT_EQ(report["policies"][0]["policy"], "random");
  const auto reader = DatasetReader::Open(Path("swimmer.hdf5"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->info().angular_positions, (std::vector<int>{2}));
  EXPECT_EQ((*reader)->info().ignored_positions, (std::vector<int>{0, 1}));

  const Outcome checked = Trainer("check " + Path("swimmer.hdf5"));
  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("Nothing found that would spoil a training."));
  EXPECT_THAT(checked.output, HasSubstr("free_body_rot"));
}

TEST_F(DatasetCommandsTest, SpoiltDatasetFailsTheCheckWithWhatToDo) {
  ASSERT_EQ(Trainer("collect --system swimmer_v5 --episodes 20 --max-episode-steps 60 --out " +
                    Path("sound.hdf5"))
                .status,
            0);
  const auto reader = DatasetReader::Open(Path("sound.hdf5"));
  ASSERT_TRUE(reader.ok());
  DatasetInfo info = (*reader)->info();
  info.dt *= 2;
  const auto writer = DatasetWriter::Create(Path("spoilt.hdf5"), info);
  ASSERT_TRUE(writer.ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((*writer)->Append(*(*reader)->Read(i)).ok());
  ASSERT_TRUE((*writer)->Close().ok());

  const Outcome text = Trainer("check " + Path("spoilt.hdf5"));
  EXPECT_EQ(text.status, 1);
  EXPECT_THAT(text.output, HasSubstr("dt is given as 0.08 s"));
  EXPECT_THAT(text.output, HasSubstr("Set the attribute dt"));
  const Outcome json = Trainer("check --json " + Path("spoilt.hdf5"));
  EXPECT_EQ(json.status, 1);
  const auto report = nlohmann::json::parse(json.output);
  EXPECT_EQ(report["spoilt"], true);
  EXPECT_EQ(report["findings"][0]["check"], "velocity");
}

TEST_F(DatasetCommandsTest, MistakesAreOneLineEach) {
  const auto line = [](const std::string& arguments) {
    const Outcome outcome = Trainer(arguments);
    EXPECT_EQ(outcome.status, 1) << outcome.output;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1);
    return outcome.output;
  };
  EXPECT_THAT(line("collect --system hoper_v5 --out " + Path("a.hdf5")),
              HasSubstr("unknown system \"hoper_v5\"; there are: ant_v5"));
  EXPECT_THAT(line("collect --out " + Path("a.hdf5")), HasSubstr("--system is needed"));
  EXPECT_THAT(line("collect --policy " + Path("none.safetensors") + " --out " + Path("a.hdf5")),
              HasSubstr("--policy=" + Path("none.safetensors") + ": "));
  EXPECT_THAT(line("collect --system hopper_v5 --mixture --out " + Path("a.hdf5")),
              HasSubstr("--mixture needs an actor file"));
  EXPECT_THAT(line("check " + Path("none.hdf5")), HasSubstr("none.hdf5"));
  WriteFile(folder_ / "there.hdf5", "");
  EXPECT_THAT(line("collect --system hopper_v5 --out " + Path("there.hdf5")),
              AllOf(HasSubstr("exists already"), HasSubstr("--overwrite")));
  WriteFile(folder_ / "page.md", "");
  EXPECT_THAT(line("check " + Path("page.md")), HasSubstr("page.md: found a file of another kind"));
  EXPECT_THAT(ListFolder(folder_.path()), ElementsAre("page.md", "there.hdf5"));
}

}  // namespace
}  // namespace rollout
