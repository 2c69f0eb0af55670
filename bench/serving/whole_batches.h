// Batching without lane replacement, to compare with.
#ifndef ROLLOUT_BENCH_SERVING_WHOLE_BATCHES_H_
#define ROLLOUT_BENCH_SERVING_WHOLE_BATCHES_H_

#include "models/engines/engine.h"

namespace rollout::bench {

// What becomes of a lane's place once its horizon is reached, as long as its batch is under way.
enum class FinishedLane {
  kLeavesGap,     // the others go on without it
  kRollsOnInVain  // it is computed to the batch's longest horizon: batches are rectangular arrays
};

// The fused CPU engine, which takes what waits as one batch and takes nothing more before the last
// lane of it is done. A batch must be no larger than what the engine computes side by side (32
// lanes a thread), or lanes would be replaced within it: the server's --batch-lanes bounds it.
absl::StatusOr<std::unique_ptr<Engine>> MakeWholeBatchEngine(const TransitionModel& model,
                                                             const EngineOptions& options,
                                                             FinishedLane finished);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_WHOLE_BATCHES_H_
