#include "datasets/episode_group.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "datasets/dataset_attributes.h"

namespace rollout {
namespace {

constexpr char kStates[] = "observations";
constexpr char kActions[] = "actions";
constexpr char kRewards[] = "rewards";
constexpr char kTerminations[] = "terminations";
constexpr char kTruncations[] = "truncations";

constexpr hsize_t kRowsPerChunk = 256;
constexpr hsize_t kMostCompression = 1032;  // zlib's limit

// h5py and NumPy read this enumeration over int8 as bool.
Hdf5Handle BoolType() {
  Hdf5Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  const int8_t no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

// How arrays lie in the file. One serves all arrays that are not compressed.
Hdf5Handle ArrayLayout() {
  Hdf5Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(layout.get(), false);  // the same episodes give the same bytes
  return layout;
}

// Creates array `name` of `sizes` in a group and writes it.
absl::Status WriteArray(hid_t group, const char* name, hid_t type,
                        const std::vector<hsize_t>& sizes, const void* data, hid_t layout) {
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                         H5Sclose);
  const Hdf5Handle array(
      H5Dcreate2(group, name, type, space.get(), H5P_DEFAULT, layout, H5P_DEFAULT), H5Dclose);
  if (!array.ok() || H5Dwrite(array.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
    return Hdf5Error(absl::StrCat("cannot write ", name));
  }
  return absl::OkStatus();
}

// Compressed by HDF5's shuffle filter and zlib, in chunks of rows.
absl::Status WriteCompressedArray(hid_t group, const char* name, hid_t type,
                                  const std::vector<hsize_t>& sizes, const void* data,
                                  int deflate_level) {
  const Hdf5Handle layout = ArrayLayout();
  std::vector<hsize_t> chunk = sizes;
  chunk[0] = std::min(chunk[0], kRowsPerChunk);
  H5Pset_chunk(layout.get(), static_cast<int>(chunk.size()), chunk.data());
  H5Pset_shuffle(layout.get());
  H5Pset_deflate(layout.get(), static_cast<unsigned>(deflate_level));
  return WriteArray(group, name, type, sizes, data, layout.get());
}

// The sizes of array `name`, whose rank must be `rank`.
absl::StatusOr<std::vector<hsize_t>> ReadSizes(hid_t group, const std::string& group_name,
                                               const char* name, int rank) {
  const std::string full_name = absl::StrCat("/", group_name, "/", name);
  if (H5Lexists(group, name, H5P_DEFAULT) <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        full_name, " is missing, expected the arrays ",
        absl::StrJoin({kStates, kActions, kRewards, kTerminations, kTruncations}, ", ")));
  }
  const Hdf5Handle array(H5Dopen2(group, name, H5P_DEFAULT), H5Dclose);
  if (!array.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(full_name, " is not an array, expected one of ", rank, " dimensions"));
  }
  const Hdf5Handle space(H5Dget_space(array.get()), H5Sclose);
  const int found = H5Sget_simple_extent_ndims(space.get());
  if (found != rank) {
    return absl::InvalidArgumentError(
        absl::StrCat(full_name, " has ", found, " dimensions, expected ", rank));
  }
  const Hdf5Handle type(H5Dget_type(array.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_FLOAT && kind != H5T_INTEGER && kind != H5T_ENUM) {
    return absl::InvalidArgumentError(absl::StrCat(full_name, " does not hold numbers"));
  }
  std::vector<hsize_t> sizes(rank);
  H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr);
  hsize_t file_bytes = 0;
  const Hdf5Handle file(H5Iget_file_id(group), H5Fclose);
  H5Fget_filesize(file.get(), &file_bytes);
  // Before memory is taken for an array, the file must be large enough to hold one that zlib made
  // as small as it can. Products of two sizes below 2^32 do not overflow.
  constexpr hsize_t kLargest = hsize_t{1} << 32;
  const hsize_t columns = rank == 2 ? sizes[1] : 1;
  if (sizes[0] >= kLargest || columns >= kLargest ||
      sizes[0] * columns / kMostCompression > file_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(full_name, " declares ", sizes[0], " x ",
                                                   columns, " numbers in a file of ", file_bytes,
                                                   " bytes"));
  }
  return sizes;
}

absl::Status ReadNumbers(hid_t group, const char* name, std::vector<double>* values) {
  const Hdf5Handle array(H5Dopen2(group, name, H5P_DEFAULT), H5Dclose);
  if (!values->empty() &&
      H5Dread(array.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values->data()) < 0) {
    return Hdf5Error(absl::StrCat("cannot read ", name));
  }
  return absl::OkStatus();
}

// Booleans are an enumeration over int8 (h5py) or any integer.
absl::Status ReadFlags(hid_t group, const char* name, std::vector<uint8_t>* values) {
  const Hdf5Handle array(H5Dopen2(group, name, H5P_DEFAULT), H5Dclose);
  const Hdf5Handle type(H5Dget_type(array.get()), H5Tclose);
  const bool is_enum = H5Tget_class(type.get()) == H5T_ENUM && H5Tget_size(type.get()) == 1;
  if (H5Dread(array.get(), is_enum ? type.get() : H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT,
              values->data()) < 0) {
    return Hdf5Error(absl::StrCat("cannot read ", name));
  }
  for (uint8_t& value : *values) value = value != 0;
  return absl::OkStatus();
}

}  // namespace

std::string EpisodeGroupName(int64_t id) { return absl::StrCat("episode_", id); }

absl::Status WriteEpisodeGroup(hid_t file, const DatasetInfo& info, const Episode& episode,
                               int deflate_level) {
  const Hdf5Handle timeless(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(timeless.get(), false);  // as the arrays have it
  const Hdf5Handle group(H5Gcreate2(file, EpisodeGroupName(episode.id).c_str(), H5P_DEFAULT,
                                    timeless.get(), H5P_DEFAULT),
                         H5Gclose);
  if (!group.ok()) return Hdf5Error(absl::StrCat("cannot make ", EpisodeGroupName(episode.id)));
  const hsize_t steps = static_cast<hsize_t>(episode.num_steps());
  const hsize_t state_size = static_cast<hsize_t>(info.num_positions + info.num_velocities);
  const hsize_t num_controls = static_cast<hsize_t>(info.num_controls);
  const Hdf5Handle flag = BoolType();
  absl::Status status;
  const Hdf5Handle layout = ArrayLayout();
  const auto write = [&](const char* name, hid_t type, const std::vector<hsize_t>& sizes,
                         const void* data) {
    if (!status.ok()) return;
    const bool empty = sizes.back() == 0;  // as of no controls
    status = deflate_level > 0 && !empty
                 ? WriteCompressedArray(group.get(), name, type, sizes, data, deflate_level)
                 : WriteArray(group.get(), name, type, sizes, data, layout.get());
  };
  write(kStates, H5T_IEEE_F64LE, {steps + 1, state_size}, episode.states.data());
  write(kActions, H5T_IEEE_F64LE, {steps, num_controls}, episode.actions.data());
  write(kRewards, H5T_IEEE_F64LE, {steps}, episode.rewards.data());
  write(kTerminations, flag.get(), {steps}, episode.terminations.data());
  write(kTruncations, flag.get(), {steps}, episode.truncations.data());
  if (status.ok()) status = WriteInt64Attribute(group.get(), "id", episode.id);
  if (status.ok()) {
    status = WriteInt64Attribute(group.get(), "total_steps", static_cast<int64_t>(steps));
  }
  if (status.ok()) status = WriteUint64Attribute(group.get(), "seed", episode.seed);
  if (status.ok()) status = WriteTextAttribute(group.get(), "policy", episode.policy);
  return status;
}

absl::StatusOr<EpisodeShape> ReadEpisodeShape(hid_t file, int64_t id) {
  const std::string name = EpisodeGroupName(id);
  const Hdf5Handle group(H5Gopen2(file, name.c_str(), H5P_DEFAULT), H5Gclose);
  if (!group.ok()) return absl::InvalidArgumentError(absl::StrCat("/", name, " is not a group"));
  absl::StatusOr<std::vector<hsize_t>> states = ReadSizes(group.get(), name, kStates, 2);
  if (!states.ok()) return states.status();
  absl::StatusOr<std::vector<hsize_t>> actions = ReadSizes(group.get(), name, kActions, 2);
  if (!actions.ok()) return actions.status();
  const hsize_t steps = (*actions)[0];
  if (steps == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("/", name, "/actions has no rows, expected at least one step"));
  }
  if ((*states)[0] != steps + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("/", name, "/observations has ", (*states)[0], " rows, expected ", steps + 1,
                     " (one more than the ", steps,
                     " actions: the state after the last action belongs to them)"));
  }
  for (const char* array : {kRewards, kTerminations, kTruncations}) {
    absl::StatusOr<std::vector<hsize_t>> sizes = ReadSizes(group.get(), name, array, 1);
    if (!sizes.ok()) return sizes.status();
    if ((*sizes)[0] != steps) {
      return absl::InvalidArgumentError(absl::StrCat("/", name, "/", array, " has ", (*sizes)[0],
                                                     " rows, expected ", steps, " as actions"));
    }
  }
  if (std::max((*states)[1], (*actions)[1]) > std::numeric_limits<int16_t>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("/", name, " has states of ", (*states)[1],
                                                   " and actions of ", (*actions)[1], " numbers"));
  }
  return EpisodeShape{.steps = static_cast<int64_t>(steps),
                      .state_size = static_cast<int>((*states)[1]),
                      .num_controls = static_cast<int>((*actions)[1])};
}

absl::StatusOr<Episode> ReadEpisodeGroup(hid_t file, int64_t id, const EpisodeShape& shape) {
  const Hdf5Handle group(H5Gopen2(file, EpisodeGroupName(id).c_str(), H5P_DEFAULT), H5Gclose);
  if (!group.ok()) return Hdf5Error(absl::StrCat("cannot open ", EpisodeGroupName(id)));
  const size_t steps = static_cast<size_t>(shape.steps);
  Episode episode;
  episode.id = id;
  episode.states.resize((steps + 1) * static_cast<size_t>(shape.state_size));
  episode.actions.resize(steps * static_cast<size_t>(shape.num_controls));
  episode.rewards.resize(steps);
  episode.terminations.resize(steps);
  episode.truncations.resize(steps);
  absl::Status status = ReadNumbers(group.get(), kStates, &episode.states);
  if (status.ok()) status = ReadNumbers(group.get(), kActions, &episode.actions);
  if (status.ok()) status = ReadNumbers(group.get(), kRewards, &episode.rewards);
  if (status.ok()) status = ReadFlags(group.get(), kTerminations, &episode.terminations);
  if (status.ok()) status = ReadFlags(group.get(), kTruncations, &episode.truncations);
  if (!status.ok()) return status;
  absl::StatusOr<uint64_t> seed = ReadUint64Attribute(group.get(), "seed", 0);
  if (!seed.ok()) return seed.status();
  episode.seed = *seed;
  absl::StatusOr<std::string> policy = ReadTextAttribute(group.get(), "policy");
  if (!policy.ok()) return policy.status();
  episode.policy = *std::move(policy);
  return episode;
}

}  // namespace rollout
