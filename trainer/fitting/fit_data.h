// Datasets as a fit sees them: which episodes it may learn from, and which judge it.
#ifndef ROLLOUT_TRAINER_FITTING_FIT_DATA_H_
#define ROLLOUT_TRAINER_FITTING_FIT_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/dataset.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

struct FitData {
  DatasetInfo recorded;            // of the first file
  DatasetInfo info;                // as a model sees it: in the chart where there is a free joint
  std::vector<std::string> files;  // as given
  std::vector<ObservedEpisode> training;
  std::vector<ObservedEpisode> held_out;
  int64_t training_transitions = 0;
  int64_t held_out_transitions = 0;
  int64_t left_out_transitions = 0;  // near the singular pitch of a free joint's chart
};

// What the episodes that follow are like.
void SetDatasetInfo(const DatasetInfo& recorded, FitData* data);

// Reads all `files` and puts each episode on its side by the hash of dataset id and episode number.
// `max_training_episodes` 0 = all, else only so many of the training side. Errors: those of
// DatasetReader; INVALID_ARGUMENT where two files describe different systems (naming the field), or
// a side is left without an episode.
absl::StatusOr<FitData> ReadFitData(const std::vector<std::string>& files, double test_fraction,
                                    int64_t max_training_episodes = 0);

// Adds one episode of the recorded sizes to the side that it belongs to, in the chart.
void AddEpisode(const Episode& episode, const std::string& dataset_id, double test_fraction,
                FitData* data);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_FIT_DATA_H_
