#include "models/checkpoint/manifest.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/strict_json.h"

namespace rollout {
namespace {

constexpr size_t kDigestDigits = 64;

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' && name != kManifestFile &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

bool IsDigest(const std::string& text) {
  return text.size() == kDigestDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

absl::StatusOr<ManifestEntry> ReadEntry(const nlohmann::json& json) {
  if (!json.is_object() || json.size() != 2 || !json.contains("sha256") ||
      !json.contains("bytes")) {
    return Invalid(
        absl::StrCat("found ", json.dump(), ", expected {\"sha256\": ..., \"bytes\": ...}"));
  }
  const nlohmann::json& digest = json["sha256"];
  if (!digest.is_string() || !IsDigest(digest.get<std::string>())) {
    return Invalid(absl::StrCat("found sha256 ", digest.dump(),
                                ", expected 64 lower-case hexadecimal digits"));
  }
  const nlohmann::json& bytes = json["bytes"];
  if (!bytes.is_number_unsigned() ||
      bytes.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Invalid(absl::StrCat("found bytes ", bytes.dump(), ", expected a whole number"));
  }
  return ManifestEntry{digest.get<std::string>(), bytes.get<int64_t>()};
}

}  // namespace

absl::StatusOr<Manifest> ParseManifest(absl::string_view text) {
  absl::StatusOr<nlohmann::json> json = ParseStrictJson(text);
  if (!json.ok()) return json.status();
  if (json->size() != 1 || !json->contains("files") || !(*json)["files"].is_object()) {
    return Invalid("expected one key, \"files\", with an object of the version's files");
  }
  Manifest manifest;
  for (const auto& item : (*json)["files"].items()) {
    if (!IsPlainFileName(item.key())) {
      return Invalid(absl::StrCat("found file name ", nlohmann::json(item.key()).dump(),
                                  ", expected a plain name, without slashes or a leading dot, "
                                  "that is not manifest.json"));
    }
    absl::StatusOr<ManifestEntry> entry = ReadEntry(item.value());
    if (!entry.ok()) return Invalid(absl::StrCat(item.key(), ": ", entry.status().message()));
    manifest[item.key()] = *entry;
  }
  for (const char* required : {kModelFile, kWeightsFile}) {
    if (manifest.count(required) == 0) return Invalid(absl::StrCat(required, " is not listed"));
  }
  return manifest;
}

std::string WriteManifest(const Manifest& manifest) {
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  for (const auto& [name, entry] : manifest) {
    files[name] = {{"sha256", entry.sha256}, {"bytes", entry.bytes}};
  }
  return nlohmann::ordered_json{{"files", files}}.dump(1) + "\n";
}

ManifestEntry DescribeFile(absl::string_view bytes) {
  return {Sha256Hex(bytes), static_cast<int64_t>(bytes.size())};
}

absl::Status CheckFile(absl::string_view bytes, const ManifestEntry& entry) {
  const ManifestEntry found = DescribeFile(bytes);
  if (found.bytes != entry.bytes) {
    return absl::DataLossError(absl::StrCat("found ", found.bytes, " bytes, expected ", entry.bytes,
                                            " by ", kManifestFile));
  }
  if (found.sha256 != entry.sha256) {
    return absl::DataLossError(absl::StrCat("found SHA-256 ", found.sha256, ", expected ",
                                            entry.sha256, " by ", kManifestFile));
  }
  return absl::OkStatus();
}

}  // namespace rollout
