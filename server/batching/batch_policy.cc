#include "server/batching/batch_policy.h"

#include <algorithm>

namespace rollout {

bool HasRoom(int64_t waiting_lanes, int64_t lanes, const BatchLimits& limits) {
  return lanes <= limits.queue_lanes && waiting_lanes <= limits.queue_lanes - lanes;
}

BatchPlan PlanBatch(absl::Span<const WaitingTask> waiting, absl::Time now,
                    const BatchLimits& limits) {
  BatchPlan plan;
  int64_t lanes = 0;
  bool closed = false;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].deadline <= now) {
      plan.expired.push_back(i);
      continue;
    }
    if (closed) continue;
    if (!plan.run.empty() && waiting[i].lanes > limits.batch_lanes - lanes) {
      closed = true;
      continue;
    }
    lanes += waiting[i].lanes;
    plan.run.push_back(i);
  }
  return plan;
}

absl::Duration RetryDelay(int64_t queued_transitions, double transitions_per_second) {
  if (transitions_per_second <= 0.0) return absl::Milliseconds(100);
  const double seconds = static_cast<double>(queued_transitions) / transitions_per_second;
  return absl::Seconds(std::clamp(seconds, 1e-3, 10.0));
}

}  // namespace rollout
