#include "experiments/gruver/mujoco_data.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/random.h"
#include "experiments/gruver/replay_shards.h"
#include "systems/system.h"
#include "trainer/collection/recording_system.h"
#include "trainer/sac/sac_training.h"

namespace rollout {
namespace {

constexpr double kTestFraction = 0.2;
constexpr uint64_t kSacSeed = 1, kStretchSeed = 2;

absl::Status MakeReplayEpisodes(const MujocoDataOptions& options, const std::string& file,
                                const std::atomic<bool>& stop) {
  auto system = MakeSystem(options.task);
  if (!system.ok()) return system.status();
  const std::unique_ptr<System> evaluation_system = (*system)->NewInstance();
  ReplayShards shards(options.folder, DescribeDataset((*system)->info()));
  RecordingSystem recorded(*std::move(system), "sac", [&shards](const Episode& episode) {
    shards.Append(episode);
    return absl::OkStatus();
  });
  SacTrainingOptions training;
  training.steps = options.sac_steps;
  training.learning_starts = options.random_steps;
  training.seed = kSacSeed;
  training.out_dir = options.folder;
  training.checkpoint_dir = options.folder + "/checkpoint";
  training.checkpoint_interval = options.checkpoint_interval;
  training.before_checkpoint = [&](int64_t step) {
    // Nothing goes on from here: what there is of the episode under way is one of its own.
    absl::Status status = stop || step == options.sac_steps ? recorded.Finish() : absl::OkStatus();
    if (status.ok()) status = shards.Close(step);
    return status;
  };
  const RealClock clock;
  SacTraining sac(training, &recorded, evaluation_system.get(), &clock, &stop);
  const absl::Status resumed = sac.Resume();
  if (!resumed.ok() && !absl::IsNotFound(resumed)) return resumed;
  absl::Status status = shards.KeepUpTo(sac.step());
  if (status.ok() && sac.step() < options.sac_steps) {
    status = sac.Run([&](const SacTraining::Progress& now) { options.on_step(now.step); });
  }
  if (status.ok() && sac.step() < options.sac_steps) {
    status = absl::CancelledError("stopped; SAC goes on from here");
  }
  if (status.ok()) status = shards.Merge(file);
  if (!status.ok()) return status;
  std::error_code ignored;  // the episodes are what counts
  std::filesystem::remove_all(training.checkpoint_dir, ignored);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FitData> ReadReplayEpisodes(const MujocoDataOptions& options,
                                           const std::atomic<bool>& stop) {
  const std::string file = absl::StrCat(options.folder, "/", kReplayFile);
  if (!std::filesystem::exists(file)) {
    if (absl::Status status = MakeReplayEpisodes(options, file, stop); !status.ok()) return status;
  }
  auto data = ReadFitData({file}, kTestFraction);
  if (!data.ok()) return data.status();
  data->info.angular_positions.clear();
  data->info.ignored_positions.clear();
  return data;
}

absl::StatusOr<std::vector<ObservedEpisode>> TakeTestStretches(const FitData& data, int states) {
  const int64_t size = data.info.num_positions + data.info.num_velocities;
  const int64_t nu = data.info.num_controls;
  std::vector<ObservedEpisode> stretches;
  for (const ObservedEpisode& episode : data.held_out) {
    for (int64_t first = 0; first + states <= episode.num_steps + 1; first += states) {
      ObservedEpisode& stretch = stretches.emplace_back();
      stretch.num_steps = states - 1;
      const auto state = episode.states.begin() + first * size;
      stretch.states.assign(state, state + states * size);
      const auto control = episode.controls.begin() + first * nu;
      stretch.controls.assign(control, control + stretch.num_steps * nu);
    }
  }
  if (stretches.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("none of ", data.held_out.size(),
                                                   " held-out episodes of ", data.info.system,
                                                   " has ", states, " states"));
  }
  Random random(kStretchSeed);
  for (size_t i = stretches.size() - 1; i > 0; --i) {
    std::swap(stretches[i], stretches[random.UniformInteger(i + 1)]);
  }
  stretches.resize(std::min<size_t>(stretches.size(), kMujocoTestRollouts));
  return stretches;
}

}  // namespace rollout
