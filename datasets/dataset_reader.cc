#include "datasets/dataset_reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "datasets/dataset_attributes.h"
#include "datasets/dataset_path.h"
#include "datasets/episode_group.h"
#include "datasets/hdf5_handle.h"
#include "datasets/minari_metadata.h"

namespace rollout {
namespace {

struct ListedEpisode {
  int64_t id = 0;
  int64_t steps = 0;
};

// `status` with the file named in front.
absl::Status InFile(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

herr_t AddEpisodeId(hid_t /*group*/, const char* name, const H5L_info_t* /*info*/, void* ids) {
  absl::string_view digits = name;
  int64_t id = 0;
  if (absl::ConsumePrefix(&digits, "episode_") && absl::SimpleAtoi(digits, &id) &&
      EpisodeGroupName(id) == name) {
    static_cast<std::vector<int64_t>*>(ids)->push_back(id);
  }
  return 0;
}

std::vector<int64_t> EpisodeIds(hid_t file) {
  std::vector<int64_t> ids;
  H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, AddEpisodeId, &ids);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Minari's id, or else the file's name without its ending.
std::string FallbackId(const DatasetPath& path) {
  if (!path.metadata.empty()) {
    std::ifstream in(path.metadata, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string id = MinariDatasetId(text);
    if (!id.empty()) return id;
  }
  return std::filesystem::path(path.file).stem().string();
}

// Fills `info`'s sizes from the first episode where attributes leave them open, and compares.
absl::Status Reconcile(const std::string& group, const EpisodeShape& shape, DatasetInfo* info) {
  if (info->num_velocities < 0) info->num_velocities = shape.state_size - info->num_positions;
  if (info->num_controls < 0) info->num_controls = shape.num_controls;
  const int state_size = info->num_positions + info->num_velocities;
  if (shape.state_size != state_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("/", group, "/observations has rows of ", shape.state_size,
                     " numbers, expected ", state_size, " (", info->num_positions,
                     " positions and ", info->num_velocities, " velocities)"));
  }
  if (shape.num_controls != info->num_controls) {
    return absl::InvalidArgumentError(absl::StrCat("/", group, "/actions has rows of ",
                                                   shape.num_controls, " numbers, expected ",
                                                   info->num_controls));
  }
  return absl::OkStatus();
}

// The first NaN or infinity in rows of `width` numbers.
absl::Status CheckFinite(absl::string_view array, const std::vector<double>& values, int width) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat("/", array, " holds ", values[i], " in row ",
                                                   i / width, ", column ", i % width,
                                                   ", expected finite numbers"));
  }
  return absl::OkStatus();
}

}  // namespace

struct DatasetReader::File {
  std::string path;
  Hdf5Handle hdf5;
  DatasetInfo info;
  std::vector<ListedEpisode> episodes;
  int64_t num_steps = 0;
};

DatasetReader::DatasetReader(std::unique_ptr<File> file) : file_(std::move(file)) {}

absl::StatusOr<std::unique_ptr<DatasetReader>> DatasetReader::Open(const std::string& path) {
  const Hdf5Session session;  // outlives the file on every way out
  const DatasetPath resolved = ResolveDatasetPath(path);
  auto file = std::make_unique<File>();
  file->path = resolved.file;
  std::error_code error;
  if (resolved.file != path && std::filesystem::is_regular_file(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": found a file of another kind, expected one whose name ends in .hdf5 or .h5, or a ",
        "dataset's folder"));
  }
  if (!std::filesystem::is_regular_file(resolved.file, error)) {
    return absl::NotFoundError(absl::StrCat("there is no dataset ", resolved.file));
  }
  file->hdf5 = Hdf5Handle(H5Fopen(resolved.file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file->hdf5.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(resolved.file, " cannot be opened as HDF5: ", Hdf5Error("").message()));
  }
  absl::StatusOr<DatasetInfo> info = ReadInfoAttributes(file->hdf5.get());
  if (!info.ok()) return InFile(resolved.file, info.status());
  file->info = *std::move(info);
  if (file->info.id.empty()) file->info.id = FallbackId(resolved);

  for (const int64_t id : EpisodeIds(file->hdf5.get())) {
    absl::StatusOr<EpisodeShape> shape = ReadEpisodeShape(file->hdf5.get(), id);
    if (!shape.ok()) return InFile(resolved.file, shape.status());
    const absl::Status fits = Reconcile(EpisodeGroupName(id), *shape, &file->info);
    if (!fits.ok()) return InFile(resolved.file, fits);
    file->episodes.push_back({.id = id, .steps = shape->steps});
    file->num_steps += shape->steps;
  }
  if (file->episodes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(resolved.file, " has no episode, expected groups episode_0, episode_1, ..."));
  }
  const absl::Status valid = ValidateDatasetInfo(file->info);
  if (!valid.ok()) return InFile(resolved.file, valid);
  return std::unique_ptr<DatasetReader>(new DatasetReader(std::move(file)));
}

DatasetReader::~DatasetReader() {
  const Hdf5Session session;
  file_->hdf5.Close();
}

const DatasetInfo& DatasetReader::info() const { return file_->info; }
int64_t DatasetReader::num_episodes() const { return static_cast<int64_t>(file_->episodes.size()); }
int64_t DatasetReader::num_steps() const { return file_->num_steps; }

absl::StatusOr<Episode> DatasetReader::Read(int64_t index, NonFinite non_finite) const {
  if (index < 0 || index >= num_episodes()) {
    return absl::OutOfRangeError(
        absl::StrCat(file_->path, " has ", num_episodes(), " episodes, no number ", index));
  }
  const ListedEpisode& listed = file_->episodes[static_cast<size_t>(index)];
  const DatasetInfo& info = file_->info;
  const int state_size = info.num_positions + info.num_velocities;
  absl::StatusOr<Episode> episode = [&] {
    const Hdf5Session session;
    return ReadEpisodeGroup(
        file_->hdf5.get(), listed.id,
        {.steps = listed.steps, .state_size = state_size, .num_controls = info.num_controls});
  }();
  if (!episode.ok()) return InFile(file_->path, episode.status());
  if (non_finite == NonFinite::kAllow) return episode;
  const std::string group = EpisodeGroupName(listed.id);
  absl::Status finite =
      CheckFinite(absl::StrCat(group, "/observations"), episode->states, state_size);
  if (finite.ok()) {
    finite = CheckFinite(absl::StrCat(group, "/actions"), episode->actions, info.num_controls);
  }
  if (finite.ok()) finite = CheckFinite(absl::StrCat(group, "/rewards"), episode->rewards, 1);
  if (!finite.ok()) return InFile(file_->path, finite);
  return episode;
}

absl::StatusOr<std::vector<Episode>> DatasetReader::ReadAll(NonFinite non_finite) const {
  std::vector<Episode> episodes;
  for (int64_t index = 0; index < num_episodes(); ++index) {
    absl::StatusOr<Episode> episode = Read(index, non_finite);
    if (!episode.ok()) return episode.status();
    episodes.push_back(*std::move(episode));
  }
  return episodes;
}

}  // namespace rollout
