#include "models/checkpoint/checkpoint_fault.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr char kPayload[] = "rollout/checkpoint-fault";
constexpr char kContent[] = "content";
constexpr char kNumbers[] = "numbers";

}  // namespace

CheckpointFault FaultOf(const absl::Status& error) {
  const auto payload = error.GetPayload(kPayload);
  if (!payload) return CheckpointFault::kFiles;
  return *payload == kNumbers ? CheckpointFault::kNumbers : CheckpointFault::kContent;
}

absl::Status WithFault(CheckpointFault fault, absl::Status status) {
  if (status.ok() || status.GetPayload(kPayload) || fault == CheckpointFault::kFiles) return status;
  status.SetPayload(kPayload, absl::Cord(fault == CheckpointFault::kNumbers ? kNumbers : kContent));
  return status;
}

absl::Status At(absl::string_view where, const absl::Status& status) {
  absl::Status at(status.code(), absl::StrCat(where, ": ", status.message()));
  status.ForEachPayload(
      [&at](absl::string_view type, const absl::Cord& payload) { at.SetPayload(type, payload); });
  return at;
}

}  // namespace rollout
