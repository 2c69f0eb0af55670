// One caller's rollout on its way through a batcher.
#ifndef ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_
#define ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_

#include <atomic>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "models/engines/engine.h"

namespace rollout {

// Owned by the caller, with everything that `job` points at, from Batcher::Submit until `done` was
// called. `job.cancelled` is set by the batcher.
struct RolloutTask {
  RolloutJob job;
  absl::Time deadline = absl::InfiniteFuture();

  // Called exactly once for every accepted task, on a thread of the batcher or of whoever cancels,
  // with no lock held; it must not block. OK: the job's outputs are there. Otherwise they are
  // undefined: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE (the batcher is shutting down), or the
  // engine's error. The task may be destroyed in it.
  std::function<void(const absl::Status& status)> done;

  // The batcher's own.
  std::atomic<bool> cancelled = false;
  absl::Time submitted = absl::InfinitePast();
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_
