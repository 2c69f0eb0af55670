// What DatasetInfo holds, as attributes of an HDF5 file under the fields' own names. Only the .cc
// files of this room include this; callers hold an Hdf5Session.
#ifndef ROLLOUT_DATASETS_DATASET_ATTRIBUTES_H_
#define ROLLOUT_DATASETS_DATASET_ATTRIBUTES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/dataset.h"
#include "datasets/hdf5_handle.h"

namespace rollout {

// Empty lists and texts are left out. `id` is the attribute dataset_id.
absl::Status WriteInfoAttributes(hid_t file, const DatasetInfo& info);

// Fields without an attribute keep their defaults (num_velocities and num_controls: -1).
// INVALID_ARGUMENT naming the attribute that is required (num_positions, dt) or of another kind.
absl::StatusOr<DatasetInfo> ReadInfoAttributes(hid_t file);

// One text or number as an attribute of an episode's group, and back; `fallback` or an empty text
// where there is none.
absl::Status WriteInt64Attribute(hid_t object, const char* name, int64_t value);
absl::Status WriteUint64Attribute(hid_t object, const char* name, uint64_t value);
absl::Status WriteTextAttribute(hid_t object, const char* name, const std::string& text);
absl::StatusOr<std::string> ReadTextAttribute(hid_t object, const char* name);
absl::StatusOr<uint64_t> ReadUint64Attribute(hid_t object, const char* name, uint64_t fallback);

}  // namespace rollout

#endif  // ROLLOUT_DATASETS_DATASET_ATTRIBUTES_H_
