// The recorded episodes along which a new version is rolled out before it serves.
#ifndef ROLLOUT_SERVER_GATES_RECORDED_SET_H_
#define ROLLOUT_SERVER_GATES_RECORDED_SET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "models/evaluation/rollout_windows.h"
#include "models/transition_model.h"

namespace rollout {

struct RecordedSetOptions {
  std::string folder;         // empty = none
  int64_t max_windows = 256;  // the first of the set
  int64_t horizon = 64;       // transitions of a window, fewer at an episode's end
};

// The file of a model's recorded set: <folder>/<model>.hdf5, or else the newest dataset
// in Minari's layout under <folder>/<model>/reports-v<N>/data/main_data.hdf5. NOT_FOUND where
// there is neither.
absl::StatusOr<std::string> FindRecordedSet(const std::string& folder, const std::string& model);

// Its windows. NOT_FOUND as above or where no folder is given; INVALID_ARGUMENT naming file and
// sizes where it is of another system; errors of DatasetReader.
absl::StatusOr<WindowSet> ReadRecordedSet(const RecordedSetOptions& options,
                                          const TransitionModelSpec& spec);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_GATES_RECORDED_SET_H_
