// Reads datasets that DatasetWriter, Minari or a few lines of h5py wrote.
#ifndef ROLLOUT_DATASETS_DATASET_READER_H_
#define ROLLOUT_DATASETS_DATASET_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/dataset.h"

namespace rollout {

// What to do with a NaN or an infinity in an episode.
enum class NonFinite {
  kRefuse,  // INVALID_ARGUMENT naming the array, the row and the dimension
  kAllow,   // hand it on, for whoever looks into damaged data
};

// A file needs the attributes num_positions and dt (seconds between states); the other attributes
// of DatasetInfo have defaults: sizes as the arrays have them, no angular or ignored positions, no
// bounds, no names, and as id Minari's dataset_id or else the file's name. Numbers may be of any
// HDF5 type that converts. One thread at a time.
class DatasetReader {
 public:
  // `path` as in dataset_path.h. NOT_FOUND where there is no file; INVALID_ARGUMENT naming file,
  // group, what was found and what was expected where the sizes of any episode are wrong: arrays
  // missing, not T + 1 states to T actions, other widths than the attributes say, no episode at
  // all.
  static absl::StatusOr<std::unique_ptr<DatasetReader>> Open(const std::string& path);

  ~DatasetReader();
  DatasetReader(const DatasetReader&) = delete;
  DatasetReader& operator=(const DatasetReader&) = delete;

  const DatasetInfo& info() const;
  int64_t num_episodes() const;
  int64_t num_steps() const;  // of all episodes

  // Episode `index` of [0, num_episodes), in the order of their ids.
  absl::StatusOr<Episode> Read(int64_t index, NonFinite non_finite = NonFinite::kRefuse) const;
  absl::StatusOr<std::vector<Episode>> ReadAll(NonFinite non_finite = NonFinite::kRefuse) const;

 private:
  struct File;
  explicit DatasetReader(std::unique_ptr<File> file);

  const std::unique_ptr<File> file_;
};

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_DATASET_READER_H_
