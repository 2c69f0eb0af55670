// A checkpoint: one version folder of a model repository, read whole or not at all.
#ifndef ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_H_
#define ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/checkpoint/golden.h"
#include "models/transition_model.h"

namespace rollout {

inline constexpr char kModelFile[] = "model.json";
inline constexpr char kWeightsFile[] = "weights.safetensors";
inline constexpr char kGoldenFile[] = "golden.safetensors";
inline constexpr char kCardFile[] = "card.md";

// What a version folder holds. Immutable once read.
struct Checkpoint {
  std::shared_ptr<const TransitionModel> model;
  std::optional<GoldenSet> golden;
  std::string card;              // empty = none
  std::string manifest_sha256;   // covers everything: names the content
  int64_t modified_unix_ns = 0;  // of manifest.json: when it was published
};

// <repository>/<model>/<version>/. Reads and checks everything, computes nothing: CheckGolden is
// the caller's. Errors: NOT_FOUND (no such folder or file), INVALID_ARGUMENT (what a file holds, a
// file that is not listed, a file that is not a regular file), DATA_LOSS (size or SHA-256 differ
// from the manifest's), PERMISSION_DENIED (a folder that links out of the repository); messages
// start with model/version/file, and FaultOf (checkpoint_fault.h) tells what is at fault.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& repository, const std::string& model,
                                          int64_t version);

// The rules for a model that a reader and a publisher share: ValidateSpec, reward and termination
// that exist and fit, exactly the tensors that the spec implies, all finite, input.std >= 1e-8,
// output.std >= 0. INVALID_ARGUMENT.
absl::Status ValidateModel(const TransitionModel& model);

// The files of a version, manifest.json included, from a model that ValidateModel takes.
struct CheckpointContent {
  TransitionModel model;
  std::optional<GoldenSet> golden;
  std::string card;
};
std::map<std::string, std::string> CheckpointFiles(const CheckpointContent& content);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_H_
