#ifndef ROLLOUT_SERVER_BATCHING_ROLLOUT_AND_WAIT_H_
#define ROLLOUT_SERVER_BATCHING_ROLLOUT_AND_WAIT_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "server/batching/batcher.h"

namespace rollout {

// Computes `jobs` in the batches of everybody else, and blocks until they are done: for threads of
// ours that compute in the background. A job's own `cancelled` flag is looked at while it waits.
// The first error of Submit or of a task; the outputs are then undefined.
absl::Status RolloutAndWait(absl::Span<const RolloutJob> jobs, Batcher* batcher);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_ROLLOUT_AND_WAIT_H_
