// Arrays of numbers as people keep them: NumPy's .npy, JSON, or typed on the command line.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_ARRAY_FILE_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_ARRAY_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"

namespace rollout {

// Row-major, in double precision whatever the file held.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> values;
};

// NumPy's format, version 1 to 3: little-endian float32, float64, int32 or int64 in C order.
// INVALID_ARGUMENT naming what was found.
absl::StatusOr<Array> ParseNpy(absl::string_view bytes);

// Nested lists of equal lengths, "[[1, 2], [3, 4]]". INVALID_ARGUMENT on anything else.
absl::StatusOr<Array> ParseJsonArray(absl::string_view text);

// `text` is the name of a .npy or .json file, a JSON list, or numbers separated by commas. Errors
// begin with `option`, the command-line option that held it.
absl::StatusOr<Array> ReadArray(const std::string& option, const std::string& text);

// `values` of `shape` as a version 1 .npy file of float32.
std::string FormatNpy(absl::Span<const float> values, absl::Span<const int64_t> shape);

// The whole file. NOT_FOUND or PERMISSION_DENIED naming the path.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// `values` of `shape` as lists in lists.
nlohmann::json NestedJson(absl::Span<const float> values, absl::Span<const int64_t> shape);

// "[3, 4]"
std::string FormatShape(absl::Span<const int64_t> shape);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_ARRAY_FILE_H_
