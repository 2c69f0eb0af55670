// Writes episodes to an HDF5 file in Minari's layout, which `minari`, h5py and DatasetReader read.
#ifndef ROLLOUT_DATASETS_DATASET_WRITER_H_
#define ROLLOUT_DATASETS_DATASET_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/dataset.h"

namespace rollout {

struct DatasetWriterOptions {
  bool overwrite = false;  // replace a dataset that is there
  // 0 = none, 1 ... 9: zlib's level after HDF5's shuffle filter. States hardly compress: level 1
  // saves about a tenth of the size for most of the time of writing.
  int deflate_level = 0;
};

// Groups episode_0, episode_1, ... of observations (the states [T + 1, nq + nv]), actions, rewards,
// terminations and truncations, with the attributes id, total_steps, seed and policy; what
// DatasetInfo holds is in the attributes of the file.
//
// Everything goes to a temporary file beside the target, which Close() puts in place: whoever is
// killed before leaves no dataset, never half of one. The destructor of a writer that was not
// closed removes the temporary file. One thread at a time.
class DatasetWriter {
 public:
  // `path` as in dataset_path.h; folders that are missing are made. ALREADY_EXISTS where there is a
  // dataset and `overwrite` is not set, INVALID_ARGUMENT naming the field of `info` that is
  // inconsistent, UNAVAILABLE with HDF5's reason where the file cannot be made.
  static absl::StatusOr<std::unique_ptr<DatasetWriter>> Create(
      const std::string& path, const DatasetInfo& info, const DatasetWriterOptions& options = {});

  ~DatasetWriter();
  DatasetWriter(const DatasetWriter&) = delete;
  DatasetWriter& operator=(const DatasetWriter&) = delete;

  // The episode's id is its number, from 0 on without gaps (as Minari needs). INVALID_ARGUMENT
  // naming the array whose size does not fit the dataset; UNAVAILABLE where the disk refuses.
  absl::Status Append(const Episode& episode);

  // Writes everything out and puts the file in place. Nothing may be appended afterwards.
  absl::Status Close();

  int64_t num_episodes() const;
  int64_t num_steps() const;

 private:
  struct File;
  explicit DatasetWriter(std::unique_ptr<File> file);

  const std::unique_ptr<File> file_;
};

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_DATASET_WRITER_H_
