// The content of model.json: rollout.v1.ModelSpec in protobuf's JSON mapping with original field
// names. These are the only functions that see both a ModelSpec message and a TransitionModelSpec.
#ifndef ROLLOUT_MODELS_CHECKPOINT_MODEL_JSON_H_
#define ROLLOUT_MODELS_CHECKPOINT_MODEL_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/transition_model.h"
#include "rollout/v1/model_spec.pb.h"

namespace rollout {

// Both directions keep every field. INVALID_ARGUMENT where the message has an enum value that this
// build does not know, or where the spec made of it is not valid (ValidateSpec).
absl::StatusOr<TransitionModelSpec> SpecFromProto(const v1::ModelSpec& message);
v1::ModelSpec SpecToProto(const TransitionModelSpec& spec);

// INVALID_ARGUMENT for text that is not the JSON of a ModelSpec: unknown fields and unknown enum
// text reject too, for a field that a reader silently ignored could change the mathematics.
absl::StatusOr<TransitionModelSpec> ParseModelJson(absl::string_view text);
std::string WriteModelJson(const TransitionModelSpec& spec);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_MODEL_JSON_H_
