#include "datasets/minari_metadata.h"

#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

constexpr char kMinariVersion[] = "0.5.4";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Python's json writes and reads infinities as these bare words, which JSON itself does not have.
std::string PythonNumber(double value) {
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return absl::StrFormat("%.17g", value);
}

// The text in which Minari keeps a Gymnasium Box space.
std::string BoxSpace(const std::vector<double>& low, const std::vector<double>& high) {
  const auto join = [](const std::vector<double>& values) {
    return absl::StrJoin(values, ", ", [](std::string* out, double value) {
      absl::StrAppend(out, PythonNumber(value));
    });
  };
  return absl::StrCat(R"({"type": "Box", "dtype": "float64", "shape": [)", low.size(),
                      R"(], "low": [)", join(low), R"(], "high": [)", join(high), "]}");
}

}  // namespace

std::string MinariMetadata(const DatasetInfo& info, int64_t num_episodes, int64_t num_steps,
                           int64_t bytes) {
  const size_t state_size = static_cast<size_t>(info.num_positions + info.num_velocities);
  const size_t num_controls = static_cast<size_t>(info.num_controls);
  const std::vector<double> state_high(state_size, kInfinity), state_low(state_size, -kInfinity);
  const bool bounded = !info.control_low.empty();
  const std::vector<double> unbounded_low(num_controls, -kInfinity);
  const std::vector<double> unbounded_high(num_controls, kInfinity);
  const nlohmann::ordered_json metadata = {
      {"dataset_id", info.id},
      {"total_episodes", num_episodes},
      {"total_steps", num_steps},
      {"data_format", "hdf5"},
      {"observation_space", BoxSpace(state_low, state_high)},
      {"action_space", BoxSpace(bounded ? info.control_low : unbounded_low,
                                bounded ? info.control_high : unbounded_high)},
      {"minari_version", kMinariVersion},
      {"dataset_size", static_cast<double>(bytes) / 1e6},
      {"description", "States [q, v] and controls, collected by Rollout."},
  };
  return metadata.dump(2) + "\n";
}

std::string MinariDatasetId(absl::string_view metadata) {
  // Python's json may have written bare infinities, which are no JSON: find the one field by hand.
  const std::string text(metadata);
  const size_t key = text.find("\"dataset_id\"");
  if (key == std::string::npos) return "";
  const size_t colon = text.find(':', key);
  const size_t begin = text.find('"', colon);
  if (colon == std::string::npos || begin == std::string::npos) return "";
  const size_t end = text.find('"', begin + 1);
  if (end == std::string::npos) return "";
  return text.substr(begin + 1, end - begin - 1);
}

}  // namespace rollout
