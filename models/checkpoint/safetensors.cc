#include "models/checkpoint/safetensors.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/checkpoint/checkpoint_fault.h"
#include "models/checkpoint/folder.h"
#include "models/checkpoint/strict_json.h"

namespace rollout {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are copied as they are");

constexpr int64_t kLengthBytes = 8;
constexpr char kMetadataKey[] = "__metadata__";

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

// A tensor as the header describes it; begin and end count from the first byte after the header.
struct Entry {
  NamedTensor tensor;  // without data
  uint64_t begin = 0;
  uint64_t end = 0;
};

bool ReadUnsigned(const nlohmann::json& json, uint64_t* value) {
  if (!json.is_number_unsigned()) return false;
  *value = json.get<uint64_t>();
  return true;
}

absl::Status ReadShape(const nlohmann::json& json, std::vector<int64_t>* shape, uint64_t* bytes) {
  if (!json.is_array()) return Invalid("shape is not a list");
  uint64_t size = sizeof(float);
  for (const nlohmann::json& item : json) {
    uint64_t dimension = 0;
    if (!ReadUnsigned(item, &dimension) ||
        dimension > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Invalid(
          absl::StrCat("shape holds ", item.dump(), ", expected whole numbers of 0 or more"));
    }
    if (__builtin_mul_overflow(size, dimension, &size)) {
      return Invalid(absl::StrCat("shape ", json.dump(), " overflows 64 bits"));
    }
    shape->push_back(static_cast<int64_t>(dimension));
  }
  *bytes = size;
  return absl::OkStatus();
}

absl::Status ReadEntry(const nlohmann::json& json, Entry* entry) {
  if (!json.is_object()) return Invalid("is not an object");
  for (const auto& item : json.items()) {
    if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets") {
      return Invalid(absl::StrCat("unknown key \"", item.key(), "\""));
    }
  }
  if (json.size() != 3) {
    return Invalid(
        absl::StrCat("found ", json.size(), " keys, expected dtype, shape, data_offsets"));
  }
  if (json["dtype"] != "F32") {
    return Invalid(absl::StrCat("found dtype ", json["dtype"].dump(), ", expected \"F32\""));
  }
  uint64_t bytes = 0;
  if (absl::Status s = ReadShape(json["shape"], &entry->tensor.shape, &bytes); !s.ok()) return s;
  const nlohmann::json& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !ReadUnsigned(offsets[0], &entry->begin) ||
      !ReadUnsigned(offsets[1], &entry->end) || entry->begin > entry->end) {
    return Invalid(absl::StrCat("found data_offsets ", offsets.dump(), ", expected [begin, end]"));
  }
  if (entry->end - entry->begin != bytes) {
    return Invalid(absl::StrCat("shape ", json["shape"].dump(), " of F32 takes ", bytes,
                                " bytes, data_offsets give ", entry->end - entry->begin));
  }
  return absl::OkStatus();
}

absl::Status ReadMetadata(const nlohmann::json& json,
                          std::map<std::string, std::string>* metadata) {
  if (!json.is_object()) return Invalid("is not an object");
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) {
      return Invalid(absl::StrCat("\"", item.key(), "\" is not a string"));
    }
    (*metadata)[item.key()] = item.value().get<std::string>();
  }
  return absl::OkStatus();
}

// Sorts by offset; the tensors must follow each other from 0 to exactly `data_bytes`.
absl::Status CheckContiguous(uint64_t data_bytes, std::vector<Entry>* entries) {
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t position = 0;
  for (const Entry& entry : *entries) {
    if (entry.begin != position) {
      return Invalid(absl::StrCat("tensor ", entry.tensor.name, " begins at ", entry.begin,
                                  entry.begin < position ? ", inside" : ", after a hole behind",
                                  " the data before it, which end at ", position));
    }
    position = entry.end;
  }
  if (position != data_bytes) {
    return Invalid(absl::StrCat("found ", data_bytes, " bytes of data, expected ", position,
                                " by the header"));
  }
  return absl::OkStatus();
}

absl::Status CopyData(absl::string_view data, Entry* entry) {
  NamedTensor& tensor = entry->tensor;
  tensor.data.resize((entry->end - entry->begin) / sizeof(float));
  // The header's length need not be a multiple of 4, so the floats may lie unaligned.
  if (!tensor.data.empty()) {
    std::memcpy(tensor.data.data(), data.data() + entry->begin, entry->end - entry->begin);
  }
  for (size_t k = 0; k < tensor.data.size(); ++k) {
    if (!std::isfinite(tensor.data[k])) {
      return WithFault(CheckpointFault::kNumbers,
                       Invalid(absl::StrCat("tensor ", tensor.name, ": found ", tensor.data[k],
                                            " at element ", k, ", expected finite numbers")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) < kLengthBytes) {
    return Invalid(
        absl::StrCat("found ", bytes.size(), " bytes, expected at least ", kLengthBytes));
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (header_bytes > static_cast<uint64_t>(kMaxJsonBytes) || header_bytes > bytes.size()) {
    return Invalid(absl::StrCat("found a header of ", header_bytes, " bytes, expected at most ",
                                std::min<uint64_t>(kMaxJsonBytes, bytes.size())));
  }
  const absl::string_view header = bytes.substr(0, header_bytes);
  const absl::string_view data = bytes.substr(header_bytes);
  if (header.empty() || header[0] != '{') return Invalid("the header does not start with {");
  absl::StatusOr<nlohmann::json> json = ParseStrictJson(header);
  if (!json.ok()) return Invalid(absl::StrCat("header: ", json.status().message()));

  Safetensors result;
  std::vector<Entry> entries;
  for (const auto& item : json->items()) {
    if (item.key() == kMetadataKey) {
      if (absl::Status s = ReadMetadata(item.value(), &result.metadata); !s.ok()) {
        return Invalid(absl::StrCat(kMetadataKey, ": ", s.message()));
      }
      continue;
    }
    Entry& entry = entries.emplace_back();
    entry.tensor.name = item.key();
    if (absl::Status s = ReadEntry(item.value(), &entry); !s.ok()) {
      return Invalid(absl::StrCat("tensor ", item.key(), ": ", s.message()));
    }
  }
  if (absl::Status s = CheckContiguous(data.size(), &entries); !s.ok()) return s;
  for (Entry& entry : entries) {
    if (absl::Status s = CopyData(data, &entry); !s.ok()) return s;
    result.tensors.push_back(std::move(entry.tensor));
  }
  return result;
}

std::string WriteSafetensors(absl::Span<const NamedTensor> tensors,
                             const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  uint64_t position = 0;
  for (const NamedTensor& tensor : tensors) {
    const uint64_t end = position + tensor.data.size() * sizeof(float);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  const uint64_t header_bytes = text.size();
  std::string bytes(reinterpret_cast<const char*>(&header_bytes), kLengthBytes);
  bytes.reserve(kLengthBytes + header_bytes + position);
  bytes += text;
  for (const NamedTensor& tensor : tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.data.data()),
                 tensor.data.size() * sizeof(float));
  }
  return bytes;
}

namespace {

// "a/b/c" -> {"a/b", "c"}.
std::pair<std::string, std::string> SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

absl::StatusOr<Safetensors> ReadSafetensorsFile(const std::string& path) {
  const auto [parent, name] = SplitPath(path);
  absl::StatusOr<Folder> folder = Folder::Open(parent);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<std::string> bytes = folder->ReadFile(name, std::numeric_limits<int64_t>::max());
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Safetensors> result = ParseSafetensors(*bytes);
  if (!result.ok()) return Invalid(absl::StrCat(path, ": ", result.status().message()));
  return result;
}

absl::Status WriteSafetensorsFile(const std::string& path, absl::Span<const NamedTensor> tensors,
                                  const std::map<std::string, std::string>& metadata) {
  const auto [parent, name] = SplitPath(path);
  absl::StatusOr<Folder> folder = Folder::Open(parent);
  if (!folder.ok()) return folder.status();
  return folder->ReplaceFile(name, WriteSafetensors(tensors, metadata));
}

}  // namespace rollout
