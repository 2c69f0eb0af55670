// Why work that nobody waits for is dropped, as pure functions.
#ifndef ROLLOUT_SERVER_BATCHING_ABANDONED_H_
#define ROLLOUT_SERVER_BATCHING_ABANDONED_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rollout {

// DEADLINE_EXCEEDED; `when` = "before the request could be queued".
absl::Status DeadlinePassed(absl::Time deadline, absl::Time now, absl::string_view when);

absl::Status CancelledOnArrival();

// OK where somebody still waits at `now` for a request that has not been read yet, else CANCELLED
// or DEADLINE_EXCEEDED.
absl::Status WorthReading(bool cancelled, absl::Time deadline, absl::Time now);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_ABANDONED_H_
