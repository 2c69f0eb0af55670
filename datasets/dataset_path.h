#ifndef ROLLOUT_DATASETS_DATASET_PATH_H_
#define ROLLOUT_DATASETS_DATASET_PATH_H_

#include <string>

namespace rollout {

// Where a dataset lies. `path` names either the file itself (it ends in .hdf5 or .h5), which alone
// holds everything, or a folder in Minari's layout.
struct DatasetPath {
  std::string file;      // "run.hdf5", or "<folder>/data/main_data.hdf5"
  std::string metadata;  // Minari's metadata.json beside a main_data.hdf5; empty for any other file
};
DatasetPath ResolveDatasetPath(const std::string& path);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_DATASET_PATH_H_
