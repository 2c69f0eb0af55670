// The safetensors format, version 0.4, for float32 arrays: an unsigned 64-bit little-endian header
// length, a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end)}}, then the data.
#ifndef ROLLOUT_MODELS_CHECKPOINT_SAFETENSORS_H_
#define ROLLOUT_MODELS_CHECKPOINT_SAFETENSORS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "models/transition_model.h"

namespace rollout {

struct Safetensors {
  std::vector<NamedTensor> tensors;             // in the order of their data
  std::map<std::string, std::string> metadata;  // the header's "__metadata__"
};

// Strict: INVALID_ARGUMENT, naming the tensor, for a header above 1 MiB or not JSON, a key twice, a
// dtype other than F32, unknown or missing entries, a shape that does not give the tensor's bytes,
// overlaps, holes, bytes before, between or after the tensors, and NaN or infinities. Sizes are
// checked against the bytes there are before anything is allocated.
absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes);

// The header is padded with spaces so that the data start at a multiple of 8. `tensors` have
// distinct names, and as much data as their shapes say.
std::string WriteSafetensors(absl::Span<const NamedTensor> tensors,
                             const std::map<std::string, std::string>& metadata = {});

// A file outside a model repository, such as a policy's weights. NOT_FOUND or the error of the
// operating system with the path; for reading also INVALID_ARGUMENT as above. Writing replaces the
// file in one step (a temporary file beside it, fsync, rename).
absl::StatusOr<Safetensors> ReadSafetensorsFile(const std::string& path);
absl::Status WriteSafetensorsFile(const std::string& path, absl::Span<const NamedTensor> tensors,
                                  const std::map<std::string, std::string>& metadata = {});

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_SAFETENSORS_H_
