#include "trainer/fitting/fit_data.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "datasets/dataset_reader.h"
#include "datasets/split.h"

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

void AddEpisode(const Episode& episode, const std::string& dataset_id, double test_fraction,
                FitData* data) {
  const bool held_out = SideOfEpisode(dataset_id, episode.id, test_fraction) == SplitSide::kTest;
  std::vector<ObservedEpisode>& side = held_out ? data->held_out : data->training;
  side.push_back({episode.states, episode.actions, episode.num_steps()});
  (held_out ? data->held_out_transitions : data->training_transitions) += episode.num_steps();
}

absl::StatusOr<FitData> ReadFitData(const std::vector<std::string>& files, double test_fraction,
                                    int64_t max_training_episodes) {
  FitData data;
  data.files = files;
  for (const std::string& file : files) {
    auto reader = DatasetReader::Open(file);
    if (!reader.ok()) return reader.status();
    if (&file == &files.front()) data.info = (*reader)->info();
    const absl::Status same = CheckSameSystem(data.info, files.front(), (*reader)->info(), file);
    if (!same.ok()) return same;
    for (int64_t i = 0; i < (*reader)->num_episodes(); ++i) {
      const auto episode = (*reader)->Read(i);
      if (!episode.ok()) return episode.status();
      AddEpisode(*episode, (*reader)->info().id, test_fraction, &data);
      const int64_t training = static_cast<int64_t>(data.training.size());
      if (max_training_episodes > 0 && training > max_training_episodes) {
        data.training_transitions -= data.training.back().num_steps;
        data.training.pop_back();
      }
    }
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
