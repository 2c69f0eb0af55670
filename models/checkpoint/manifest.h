// manifest.json: {"files": {"model.json": {"sha256": "<64 hex digits>", "bytes": n}, ...}}, every
// file of the version folder but itself.
#ifndef ROLLOUT_MODELS_CHECKPOINT_MANIFEST_H_
#define ROLLOUT_MODELS_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

inline constexpr char kManifestFile[] = "manifest.json";

struct ManifestEntry {
  std::string sha256;  // 64 lower-case hexadecimal digits
  int64_t bytes = 0;
};
using Manifest = std::map<std::string, ManifestEntry>;  // by plain file name

// INVALID_ARGUMENT naming the key and what is wrong: duplicate or unknown keys, file names with a
// slash or a leading dot, manifest.json itself, digests that are not 64 lower-case digits, sizes
// that are not whole numbers, model.json or weights.safetensors missing.
absl::StatusOr<Manifest> ParseManifest(absl::string_view text);
std::string WriteManifest(const Manifest& manifest);

ManifestEntry DescribeFile(absl::string_view bytes);
// DATA_LOSS naming expected and found where `bytes` are not what `entry` says.
absl::Status CheckFile(absl::string_view bytes, const ManifestEntry& entry);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_MANIFEST_H_
