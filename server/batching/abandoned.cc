#include "server/batching/abandoned.h"

#include "absl/strings/str_cat.h"

namespace rollout {

absl::Status DeadlinePassed(absl::Time deadline, absl::Time now, absl::string_view when) {
  return absl::DeadlineExceededError(
      absl::StrCat("deadline passed ", when, ", ", absl::FormatDuration(now - deadline),
                   " ago: allow more time, fewer lanes or a shorter horizon"));
}

absl::Status CancelledOnArrival() {
  return absl::CancelledError("cancelled by the caller on arrival");
}

absl::Status WorthReading(bool cancelled, absl::Time deadline, absl::Time now) {
  if (cancelled) return CancelledOnArrival();
  if (deadline <= now) return DeadlinePassed(deadline, now, "before the request could be read");
  return absl::OkStatus();
}

}  // namespace rollout
