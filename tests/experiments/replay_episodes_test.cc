// A training of SAC that is stopped, or killed, on the way keeps every episode once.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "datasets/dataset_reader.h"
#include "experiments/gruver/mujoco_data.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

MujocoDataOptions SmallTraining(const std::string& folder) {
  return {.task = "hopper_v5",
          .folder = folder,
          .sac_steps = 260,
          .random_steps = 240,
          .checkpoint_interval = 100};
}

std::vector<Episode> EpisodesOf(const std::string& folder) {
  const auto reader = DatasetReader::Open(folder + "/replay.hdf5");
  if (!reader.ok()) return {};
  return *(*reader)->ReadAll();
}

int64_t StepsOf(const std::vector<Episode>& episodes) {
  int64_t steps = 0;
  for (const Episode& episode : episodes) steps += episode.num_steps();
  return steps;
}

// No two begin in the same state, which every reset draws anew.
bool AllDiffer(const std::vector<Episode>& episodes) {
  std::vector<std::vector<double>> first;
  for (const Episode& episode : episodes) {
    first.emplace_back(episode.states.begin(), episode.states.begin() + 12);
  }
  std::sort(first.begin(), first.end());
  return std::adjacent_find(first.begin(), first.end()) == first.end();
}

class ReplayEpisodesTest : public testing::Test {
 protected:
  const TemporaryDirectory dir_;
  std::atomic<bool> stop_ = false;
};

TEST_F(ReplayEpisodesTest, AStoppedTrainingKeepsEveryStep) {
  MujocoDataOptions options = SmallTraining(dir_ / "stopped");
  options.on_step = [&](int64_t step) { stop_ = step == 250; };
  EXPECT_TRUE(absl::IsCancelled(ReadReplayEpisodes(options, stop_).status()));
  EXPECT_FALSE(std::filesystem::exists(options.folder + "/replay.hdf5"));
  stop_ = false;
  std::vector<int64_t> steps;
  options.on_step = [&](int64_t step) { steps.push_back(step); };
  ASSERT_TRUE(ReadReplayEpisodes(options, stop_).ok());
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps.front(), 251);
  const std::vector<Episode> episodes = EpisodesOf(options.folder);
  EXPECT_EQ(StepsOf(episodes), 260);
  EXPECT_TRUE(AllDiffer(episodes));
  // Nothing of the way is left, and nothing is trained again.
  EXPECT_FALSE(std::filesystem::exists(options.folder + "/replay-100.hdf5"));
  EXPECT_FALSE(std::filesystem::exists(options.folder + "/checkpoint"));
  steps.clear();
  ASSERT_TRUE(ReadReplayEpisodes(options, stop_).ok());
  EXPECT_TRUE(steps.empty());
}

TEST_F(ReplayEpisodesTest, AKilledTrainingLosesOnlyWhatCameAfterItsCheckpoint) {
  // What a disk holds after a kill at step 250, and between a shard and its checkpoint at 200.
  const MujocoDataOptions whole = [&] {
    MujocoDataOptions options = SmallTraining(dir_ / "whole");
    options.on_step = [&](int64_t step) {
      if (step == 250) {
        std::filesystem::copy(dir_ / "whole", dir_ / "killed",
                              std::filesystem::copy_options::recursive);
      }
      if (step == 150) {
        std::filesystem::copy(dir_ / "whole", dir_ / "between",
                              std::filesystem::copy_options::recursive);
      }
    };
    return options;
  }();
  ASSERT_TRUE(ReadReplayEpisodes(whole, stop_).ok());
  std::filesystem::copy(dir_ / "killed/replay-200.hdf5", dir_ / "between/replay-200.hdf5");
  const std::vector<Episode> episodes = EpisodesOf(whole.folder);
  EXPECT_EQ(StepsOf(episodes), 260);
  EXPECT_TRUE(AllDiffer(episodes));
  for (const auto& [folder, checkpoint] :
       {std::pair<const char*, int64_t>{"killed", 200}, {"between", 100}}) {
    MujocoDataOptions resumed = SmallTraining(dir_ / folder);
    std::vector<int64_t> steps;
    resumed.on_step = [&](int64_t step) { steps.push_back(step); };
    ASSERT_TRUE(ReadReplayEpisodes(resumed, stop_).ok()) << folder;
    EXPECT_EQ(steps.front(), checkpoint + 1) << folder;
    const std::vector<Episode> kept = EpisodesOf(resumed.folder);
    EXPECT_TRUE(AllDiffer(kept)) << folder;
    // The episodes that had ended by the checkpoint, as they were, and all steps after it.
    int64_t before = 0;
    size_t ended = 0;
    while (before + episodes[ended].num_steps() <= checkpoint) {
      EXPECT_EQ(kept[ended].states, episodes[ended].states) << folder;
      before += episodes[ended++].num_steps();
    }
    EXPECT_GT(ended, 0u);
    EXPECT_EQ(StepsOf(kept), before + 260 - checkpoint) << folder;
  }
}

}  // namespace
}  // namespace rollout
