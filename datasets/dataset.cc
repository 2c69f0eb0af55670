#include "datasets/dataset.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view found, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", found, ", expected ", expected));
}

absl::Status ValidateIndices(absl::string_view field, const std::vector<int>& indices, int bound) {
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= bound) {
      return Invalid(field, absl::StrCat("holds ", indices[i]),
                     absl::StrCat("indices of positions in [0, ", bound, ")"));
    }
    if (i > 0 && indices[i] <= indices[i - 1]) {
      return Invalid(field, absl::StrCat("holds ", indices[i], " after ", indices[i - 1]),
                     "strictly increasing indices");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateBounds(const DatasetInfo& info) {
  if (info.control_low.empty() && info.control_high.empty()) return absl::OkStatus();
  const size_t count = static_cast<size_t>(info.num_controls);
  if (info.control_low.size() != count || info.control_high.size() != count) {
    return Invalid("control_low and control_high",
                   absl::StrCat("have ", info.control_low.size(), " and ", info.control_high.size(),
                                " numbers"),
                   absl::StrCat(count, " each, or none"));
  }
  for (size_t i = 0; i < count; ++i) {
    if (!(std::isfinite(info.control_low[i]) && std::isfinite(info.control_high[i]) &&
          info.control_low[i] < info.control_high[i])) {
      return Invalid("control_low and control_high",
                     absl::StrCat("bound control ", i, " by [", info.control_low[i], ", ",
                                  info.control_high[i], "]"),
                     "finite bounds, low below high");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateDatasetInfo(const DatasetInfo& info) {
  if (info.id.empty()) return Invalid("id", "is empty", "a name such as rollout/hopper_v5-v0");
  if (info.num_positions < 1) {
    return Invalid("num_positions", absl::StrCat("is ", info.num_positions), "at least 1");
  }
  if (info.num_velocities < 0) {
    return Invalid("num_velocities", absl::StrCat("is ", info.num_velocities), "at least 0");
  }
  if (info.num_controls < 0) {
    return Invalid("num_controls", absl::StrCat("is ", info.num_controls), "at least 0");
  }
  if (!(std::isfinite(info.dt) && info.dt > 0.0)) {
    return Invalid("dt", absl::StrCat("is ", info.dt), "seconds between states, above 0");
  }
  absl::Status status =
      ValidateIndices("angular_positions", info.angular_positions, info.num_positions);
  if (!status.ok()) return status;
  status = ValidateIndices("ignored_positions", info.ignored_positions, info.num_positions);
  if (!status.ok()) return status;
  for (const int index : info.ignored_positions) {
    if (std::binary_search(info.angular_positions.begin(), info.angular_positions.end(), index)) {
      return Invalid("ignored_positions", absl::StrCat("holds ", index),
                     "none of the angular_positions");
    }
  }
  status = ValidateBounds(info);
  if (!status.ok()) return status;
  const size_t state_size = static_cast<size_t>(info.num_positions + info.num_velocities);
  if (!info.state_names.empty() && info.state_names.size() != state_size) {
    return Invalid("state_names", absl::StrCat("has ", info.state_names.size(), " names"),
                   absl::StrCat(state_size, " or none"));
  }
  if (!info.control_names.empty() &&
      info.control_names.size() != static_cast<size_t>(info.num_controls)) {
    return Invalid("control_names", absl::StrCat("has ", info.control_names.size(), " names"),
                   absl::StrCat(info.num_controls, " or none"));
  }
  return absl::OkStatus();
}

absl::Status ValidateEpisodeSizes(const DatasetInfo& info, const Episode& episode) {
  const size_t steps = episode.rewards.size();
  const size_t state_size = static_cast<size_t>(info.num_positions + info.num_velocities);
  if (steps == 0) return Invalid("rewards", "has no step", "at least one");
  const auto check = [&](absl::string_view name, size_t found, size_t expected) {
    if (found == expected) return absl::OkStatus();
    return Invalid(name, absl::StrCat("has ", found, " numbers"),
                   absl::StrCat(expected, " for ", steps, " steps"));
  };
  absl::Status status = check("states", episode.states.size(), (steps + 1) * state_size);
  if (status.ok()) {
    status =
        check("actions", episode.actions.size(), steps * static_cast<size_t>(info.num_controls));
  }
  if (status.ok()) status = check("terminations", episode.terminations.size(), steps);
  if (status.ok()) status = check("truncations", episode.truncations.size(), steps);
  return status;
}

}  // namespace rollout
