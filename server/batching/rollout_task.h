// One caller's rollout on its way through a batcher.
#ifndef ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_
#define ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "models/engines/engine.h"
#include "server/batching/batch_tally.h"

namespace rollout {

// Owned by the caller, with everything that `job` points at, from Batcher::Submit until `done` was
// called. The batcher sets `job.cancelled` and `job.owner`.
struct RolloutTask {
  RolloutJob job;
  absl::Time deadline = absl::InfiniteFuture();
  uint64_t client = 0;  // whose turn it takes: clients take turns; 0 = the server's own
  int64_t bytes = 0;    // memory held while it waits

  // Set: it is no rollout but other work of the engine (a gradient), which runs by itself, when no
  // lane is under way. `job` then only tells lanes, horizon and where the flag is.
  std::function<absl::Status(Engine& engine)> alone;

  // Called exactly once for every accepted task, on a thread of the engine or of the batcher, or
  // inside Submit or Cancel, with no lock held; it must not block. OK: the job's outputs are there.
  // Otherwise they are undefined: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE (the batcher is
  // shutting down), or the engine's error. The task may be destroyed in it.
  std::function<void(const absl::Status& status)> done;

  // `done` takes longer than waking a thread does: it is not called inside Submit.
  bool done_is_long = false;

  // Set by Batcher::Cancel, or by the owner before the task is submitted.
  std::atomic<bool> cancelled = false;

  // The batcher's own.
  std::atomic<int64_t> lanes_left = 0;  // not done
  absl::Time submitted = absl::InfinitePast();
  absl::Time started = absl::InfinitePast();
  absl::Status error;  // of the engine
  bool queued = false;
  bool running = false;
  bool alone_under_way = false;   // nothing else was computed meanwhile
  StartedBatch* batch = nullptr;  // that it started in; none for work that runs alone
  int64_t taken = 0;              // lanes handed to the engine
  std::list<RolloutTask*>::iterator queue_position, running_position;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_ROLLOUT_TASK_H_
