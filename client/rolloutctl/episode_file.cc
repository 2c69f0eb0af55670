#include "client/rolloutctl/episode_file.h"

#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

template <typename Number>
Number ReadAt(absl::string_view bytes, size_t offset) {
  Number value;
  std::memcpy(&value, bytes.data() + offset, sizeof(Number));
  return value;
}

// The members of a zip file that are stored as they are, which is how numpy.savez writes them.
// Walks the central directory, whose sizes are final.
absl::StatusOr<std::map<std::string, absl::string_view>> StoredMembers(absl::string_view zip) {
  constexpr uint32_t kEnd = 0x06054b50, kEntry = 0x02014b50, kLocal = 0x04034b50;
  const auto damaged = [] { return absl::InvalidArgumentError("it is a damaged .npz file"); };
  if (zip.size() < 22) return damaged();
  size_t end = zip.size() - 22;
  while (end > 0 && ReadAt<uint32_t>(zip, end) != kEnd) --end;
  if (ReadAt<uint32_t>(zip, end) != kEnd) return damaged();
  const int entries = ReadAt<uint16_t>(zip, end + 10);
  uint64_t at = ReadAt<uint32_t>(zip, end + 16);
  std::map<std::string, absl::string_view> members;
  for (int i = 0; i < entries; ++i) {
    if (at + 46 > zip.size() || ReadAt<uint32_t>(zip, at) != kEntry) return damaged();
    const uint16_t method = ReadAt<uint16_t>(zip, at + 10);
    const uint64_t size = ReadAt<uint32_t>(zip, at + 20);
    const uint16_t name_length = ReadAt<uint16_t>(zip, at + 28);
    const uint64_t local = ReadAt<uint32_t>(zip, at + 42);
    if (at + 46 + name_length > zip.size()) return damaged();
    const std::string name(zip.substr(at + 46, name_length));
    if (method != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is compressed: write it with numpy.savez, not savez_compressed"));
    }
    if (local + 30 > zip.size() || ReadAt<uint32_t>(zip, local) != kLocal) return damaged();
    const uint64_t data =
        local + 30 + ReadAt<uint16_t>(zip, local + 26) + ReadAt<uint16_t>(zip, local + 28);
    if (data + size > zip.size()) return damaged();
    members[name] = zip.substr(data, size);
    at += 46 + name_length + ReadAt<uint16_t>(zip, at + 30) + ReadAt<uint16_t>(zip, at + 32);
  }
  return members;
}

absl::StatusOr<EpisodeFile> ParseNpz(absl::string_view bytes) {
  const auto members = StoredMembers(bytes);
  if (!members.ok()) return members.status();
  EpisodeFile episode;
  for (const auto& [name, array] : {std::pair<std::string, Array*>{"states", &episode.states},
                                    {"controls", &episode.controls}}) {
    const auto found = members->find(name + ".npy");
    if (found == members->end()) {
      return absl::InvalidArgumentError(absl::StrCat("it has no array \"", name, "\""));
    }
    absl::StatusOr<Array> parsed = ParseNpy(found->second);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", parsed.status().message()));
    }
    *array = *std::move(parsed);
  }
  if (const auto found = members->find("timestamps.npy"); found != members->end()) {
    absl::StatusOr<Array> parsed = ParseNpy(found->second);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("timestamps: ", parsed.status().message()));
    }
    episode.timestamps = *std::move(parsed);
  }
  return episode;
}

absl::StatusOr<EpisodeFile> ParseJson(const std::string& text) {
  const nlohmann::json json =
      nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("it is no JSON object");
  EpisodeFile episode;
  for (const auto& [name, array] : {std::pair<std::string, Array*>{"states", &episode.states},
                                    {"controls", &episode.controls}}) {
    if (!json.contains(name)) {
      return absl::InvalidArgumentError(absl::StrCat("it has no \"", name, "\""));
    }
    absl::StatusOr<Array> parsed = ParseJsonArray(json[name].dump());
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", parsed.status().message()));
    }
    *array = *std::move(parsed);
  }
  if (json.contains("timestamps")) {
    absl::StatusOr<Array> parsed = ParseJsonArray(json["timestamps"].dump());
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("timestamps: ", parsed.status().message()));
    }
    episode.timestamps = *std::move(parsed);
  }
  if (json.contains("period")) {
    if (!json["period"].is_number()) return absl::InvalidArgumentError("period is no number");
    episode.period = absl::Seconds(json["period"].get<double>());
  }
  for (const auto& [name, flag] : {std::pair<std::string, bool*>{"terminated", &episode.terminated},
                                   {"truncated", &episode.truncated}}) {
    if (!json.contains(name)) continue;
    if (!json[name].is_boolean()) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is neither true nor false"));
    }
    *flag = json[name].get<bool>();
  }
  return episode;
}

absl::Status CheckShapes(const EpisodeFile& episode) {
  const auto& states = episode.states.shape;
  const auto& controls = episode.controls.shape;
  if (states.size() != 2 || controls.size() != 2 || controls[0] < 1 ||
      states[0] != controls[0] + 1 || states[1] < 1) {
    return absl::InvalidArgumentError(absl::StrCat("states ", FormatShape(states), " and controls ",
                                                   FormatShape(controls),
                                                   ": expected [T + 1, 2n] and [T, nu]"));
  }
  const auto& times = episode.timestamps.shape;
  if (!times.empty() && (times.size() != 1 || times[0] != states[0])) {
    return absl::InvalidArgumentError(
        absl::StrCat("timestamps ", FormatShape(times), ": expected [T + 1], one for each state"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EpisodeFile> ReadEpisode(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<EpisodeFile> episode =
      absl::EndsWith(path, ".npz")    ? ParseNpz(*bytes)
      : absl::EndsWith(path, ".json") ? ParseJson(*bytes)
                                      : absl::InvalidArgumentError("expected a .json or .npz file");
  absl::Status status = episode.status();
  if (status.ok()) status = CheckShapes(*episode);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("episode ", path, ": ", status.message()));
  }
  return episode;
}

}  // namespace rollout
