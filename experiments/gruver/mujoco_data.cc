#include "experiments/gruver/mujoco_data.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/random.h"
#include "datasets/dataset_writer.h"
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
  auto writer = DatasetWriter::Create(file, DescribeDataset((*system)->info()));
  if (!writer.ok()) return writer.status();
  RecordingSystem recorded(*std::move(system), "sac", [&writer](const Episode& episode) {
    return (*writer)->Append(episode);
  });
  SacTrainingOptions training;
  training.steps = options.sac_steps;
  training.learning_starts = options.random_steps;
  training.seed = kSacSeed;
  training.out_dir = options.folder;
  const RealClock clock;
  SacTraining sac(training, &recorded, evaluation_system.get(), &clock, &stop);
  absl::Status status = sac.Run([](const SacTraining::Progress&) {});
  if (status.ok() && stop) status = absl::CancelledError("stopped");
  status.Update(recorded.Finish());
  if (status.ok()) status = (*writer)->Close();
  return status;
}

}  // namespace

absl::StatusOr<FitData> ReadReplayEpisodes(const MujocoDataOptions& options,
                                           const std::atomic<bool>& stop) {
  const std::string file = options.folder + "/replay.hdf5";
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
