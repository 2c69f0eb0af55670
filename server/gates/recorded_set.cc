#include "server/gates/recorded_set.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "datasets/dataset_reader.h"

namespace rollout {
namespace {

constexpr char kReportsPrefix[] = "reports-v";

// The highest N of <folder>/reports-v<N> that holds a finished dataset, as its file; else empty.
std::string NewestReports(const std::filesystem::path& folder) {
  int64_t newest = -1;
  std::string file;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    int64_t number = 0;
    if (!absl::StartsWith(name, kReportsPrefix) ||
        !absl::SimpleAtoi(name.substr(sizeof(kReportsPrefix) - 1), &number)) {
      continue;
    }
    const std::filesystem::path data = entry.path() / "data" / "main_data.hdf5";
    if (number <= newest || !std::filesystem::is_regular_file(data, error)) continue;
    newest = number;
    file = data.string();
  }
  return file;
}

absl::Status CheckSizes(const DatasetInfo& info, const TransitionModelSpec& spec,
                        const std::string& file) {
  if (info.num_positions == spec.num_positions && info.num_velocities == spec.num_positions &&
      info.num_controls == spec.num_controls) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      file, ": found ", info.num_positions, " positions, ", info.num_velocities, " velocities and ",
      info.num_controls, " controls, expected ", spec.num_positions, ", ", spec.num_positions,
      " and ", spec.num_controls, " as the model has"));
}

}  // namespace

absl::StatusOr<std::string> FindRecordedSet(const std::string& folder, const std::string& model) {
  const std::filesystem::path root(folder);
  std::error_code error;
  const std::filesystem::path file = root / absl::StrCat(model, ".hdf5");
  if (std::filesystem::is_regular_file(file, error)) return file.string();
  const std::string reports = NewestReports(root / model);
  if (!reports.empty()) return reports;
  return absl::NotFoundError(absl::StrCat("no recorded set: neither ", file.string(),
                                          " nor a finished dataset in ", (root / model).string()));
}

absl::StatusOr<WindowSet> ReadRecordedSet(const RecordedSetOptions& options,
                                          const TransitionModelSpec& spec) {
  if (options.folder.empty()) return absl::NotFoundError("no recorded set: no --recorded-set");
  const absl::StatusOr<std::string> file = FindRecordedSet(options.folder, spec.name);
  if (!file.ok()) return file.status();
  auto reader = DatasetReader::Open(*file);
  if (!reader.ok()) return reader.status();
  if (absl::Status s = CheckSizes((*reader)->info(), spec, *file); !s.ok()) return s;

  WindowSet set;
  set.state_size = spec.state_size();
  set.num_controls = spec.num_controls;
  int64_t windows = 0;
  for (int64_t k = 0; k < (*reader)->num_episodes() && windows < options.max_windows; ++k) {
    absl::StatusOr<Episode> episode = (*reader)->Read(k);
    if (!episode.ok()) return episode.status();
    windows += (episode->num_steps() + options.horizon - 1) / options.horizon;
    ObservedEpisode observed;
    observed.num_steps = episode->num_steps();
    observed.states = std::move(episode->states);
    observed.controls = std::move(episode->actions);
    set.episodes.push_back(std::move(observed));
  }
  set.windows = PlaceWindows(set.episodes, options.horizon, options.horizon);
  if (static_cast<int64_t>(set.windows.size()) > options.max_windows) {
    set.windows.resize(options.max_windows);
  }
  return set;
}

}  // namespace rollout
