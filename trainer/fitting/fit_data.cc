#include "trainer/fitting/fit_data.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "datasets/dataset_reader.h"
#include "datasets/split.h"
#include "spdlog/spdlog.h"
#include "trainer/fitting/charted_episodes.h"

namespace rollout {
namespace {

std::string Text(int value) { return absl::StrCat(value); }
std::string Text(double value) { return absl::StrCat(value); }
std::string Text(const std::vector<int>& values) {
  return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
}

// OK where episodes of both can train one model.
absl::Status CheckSameSystem(const DatasetInfo& first, const std::string& first_file,
                             const DatasetInfo& other, const std::string& other_file) {
  absl::Status status;
  const auto compare = [&](const char* field, const auto& a, const auto& b) {
    if (a == b || !status.ok()) return;
    status = absl::InvalidArgumentError(absl::StrCat(other_file, ": ", field, " is ", Text(b),
                                                     ", in ", first_file, " it is ", Text(a)));
  };
  compare("num_positions", first.num_positions, other.num_positions);
  compare("num_velocities", first.num_velocities, other.num_velocities);
  compare("num_controls", first.num_controls, other.num_controls);
  compare("dt", first.dt, other.dt);
  compare("angular_positions", first.angular_positions, other.angular_positions);
  compare("ignored_positions", first.ignored_positions, other.ignored_positions);
  return status;
}

}  // namespace

void SetDatasetInfo(const DatasetInfo& recorded, FitData* data) {
  data->recorded = recorded;
  data->info = HasFreeJoint(recorded) ? ChartedInfo(recorded) : recorded;
}

void AddEpisode(const Episode& episode, const std::string& dataset_id, double test_fraction,
                FitData* data) {
  const bool held_out = SideOfEpisode(dataset_id, episode.id, test_fraction) == SplitSide::kTest;
  std::vector<ObservedEpisode>& side = held_out ? data->held_out : data->training;
  int64_t& transitions = held_out ? data->held_out_transitions : data->training_transitions;
  const auto add = [&](const Episode& part) {
    side.push_back({part.states, part.actions, part.num_steps()});
    transitions += part.num_steps();
  };
  if (!HasFreeJoint(data->recorded)) return add(episode);
  const ChartedEpisode charted = ChartEpisode(data->recorded, episode);
  for (const Episode& stretch : charted.stretches) add(stretch);
  data->left_out_transitions += charted.left_out_transitions;
}

absl::StatusOr<FitData> ReadFitData(const std::vector<std::string>& files, double test_fraction,
                                    int64_t max_training_episodes) {
  FitData data;
  data.files = files;
  int64_t training_episodes = 0;
  for (const std::string& file : files) {
    auto reader = DatasetReader::Open(file);
    if (!reader.ok()) return reader.status();
    if (&file == &files.front()) SetDatasetInfo((*reader)->info(), &data);
    const absl::Status same =
        CheckSameSystem(data.recorded, files.front(), (*reader)->info(), file);
    if (!same.ok()) return same;
    for (int64_t i = 0; i < (*reader)->num_episodes(); ++i) {
      const auto episode = (*reader)->Read(i);
      if (!episode.ok()) return episode.status();
      const std::string& id = (*reader)->info().id;
      if (SideOfEpisode(id, episode->id, test_fraction) == SplitSide::kTrain &&
          max_training_episodes > 0 && training_episodes++ >= max_training_episodes) {
        continue;
      }
      AddEpisode(*episode, id, test_fraction, &data);
    }
  }
  if (data.left_out_transitions > 0) {
    spdlog::info("{} transitions with a pitch within 5 degrees of +-90 are left out of {}",
                 data.left_out_transitions, absl::StrJoin(files, ", "));
  }
  if (data.training.empty() || data.held_out.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: %d episodes to train on and %d held out at a test fraction of %g; a fit needs one of "
        "each at least",
        absl::StrJoin(files, ", "), data.training.size(), data.held_out.size(), test_fraction));
  }
  return data;
}

}  // namespace rollout
