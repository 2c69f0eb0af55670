// What is at fault in a checkpoint that was refused, carried beside the error's message.
#ifndef ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_FAULT_H_
#define ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_FAULT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rollout {

enum class CheckpointFault {
  kFiles,    // missing, not as the manifest says, links
  kContent,  // what they say: specification, tensors and their shapes, golden set
  kNumbers,  // numbers that are not finite or out of their range
};

// Of an error of ReadCheckpoint; kFiles for any other.
CheckpointFault FaultOf(const absl::Status& error);

// Marks an error, unless a deeper place has marked it already. OK stays OK.
absl::Status WithFault(CheckpointFault fault, absl::Status status);

// The same error, its mark kept, with where it happened in front of the message.
absl::Status At(absl::string_view where, const absl::Status& status);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_CHECKPOINT_FAULT_H_
