#ifndef ROLLOUT_MODELS_CHECKPOINT_STRICT_JSON_H_
#define ROLLOUT_MODELS_CHECKPOINT_STRICT_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

// The largest model.json, manifest.json or safetensors header that is read.
inline constexpr int64_t kMaxJsonBytes = 1 << 20;

// One JSON object. INVALID_ARGUMENT for anything else, for text above kMaxJsonBytes, more than 16
// levels deep or not UTF-8, and for a key that an object has twice (JSON leaves open which of the
// two counts, so two readers could see two different files).
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_STRICT_JSON_H_
