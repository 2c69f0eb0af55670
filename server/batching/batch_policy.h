// When a batch closes and which waiting tasks go into it, as pure functions.
#ifndef ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_
#define ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rollout {

struct BatchLimits {
  int64_t queue_lanes = 65536;  // lanes that may wait; what exceeds it is refused at arrival
  int64_t batch_lanes = 16384;  // lanes computed in one call of the engine
};

// What the policy knows of a waiting task.
struct WaitingTask {
  int64_t lanes = 0;
  absl::Time deadline = absl::InfiniteFuture();
};

// Whether a task of `lanes` may join a queue in which `waiting_lanes` wait.
bool HasRoom(int64_t waiting_lanes, int64_t lanes, const BatchLimits& limits);

// Indices into the queue. Every index is in at most one list; the others stay and wait.
struct BatchPlan {
  std::vector<size_t> run;
  std::vector<size_t> expired;
};

// The engine is free now. There is no added delay: a batch closes at once, with the longest prefix
// of the living tasks that fits into batch_lanes. Nothing overtakes, so nothing starves; the first
// task goes even where it is larger than a batch on its own. `waiting` is oldest first.
BatchPlan PlanBatch(absl::Span<const WaitingTask> waiting, absl::Time now,
                    const BatchLimits& limits);

// How long a refused caller should wait: until the work now queued is done at the measured rate,
// within [1 ms, 10 s]; 100 ms where nothing has been measured yet. In transitions of one lane.
absl::Duration RetryDelay(int64_t queued_transitions, double transitions_per_second);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_
