// The metadata.json that Minari wants beside a main_data.hdf5.
#ifndef ROLLOUT_DATASETS_MINARI_METADATA_H_
#define ROLLOUT_DATASETS_MINARI_METADATA_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "datasets/dataset.h"

namespace rollout {

// What Minari 0.5 reads: id, sizes, and the spaces of observations (states) and actions.
std::string MinariMetadata(const DatasetInfo& info, int64_t num_episodes, int64_t num_steps,
                           int64_t bytes);

// The dataset_id in the text of a metadata.json; empty where there is none.
std::string MinariDatasetId(absl::string_view metadata);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_MINARI_METADATA_H_
