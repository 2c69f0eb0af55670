#include "server/batching/batch_policy.h"

#include <algorithm>

namespace rollout {
namespace {

constexpr double kMeanWeight = 0.1;  // of the newest sample
constexpr double kRateDecay = 0.95;  // for each sample

}  // namespace

bool HasRoom(int64_t waiting_lanes, int64_t waiting_bytes, int64_t lanes, int64_t bytes,
             const BatchLimits& limits) {
  const bool lanes_fit = lanes <= limits.queue_lanes && waiting_lanes <= limits.queue_lanes - lanes;
  const bool bytes_fit = waiting_bytes == 0 || (bytes <= limits.queue_bytes &&
                                                waiting_bytes <= limits.queue_bytes - bytes);
  return lanes_fit && bytes_fit;
}

absl::Duration RetryDelay(int64_t queued_transitions, double transitions_per_second) {
  if (transitions_per_second <= 0.0) return absl::Milliseconds(100);
  const double seconds = static_cast<double>(queued_transitions) / transitions_per_second;
  return absl::Seconds(std::clamp(seconds, 1e-3, 10.0));
}

bool ComputesHere(int64_t lanes, int64_t horizon, absl::Duration transition) {
  if (transition <= absl::ZeroDuration()) return false;
  return static_cast<double>(lanes) * static_cast<double>(horizon) * transition <= kMostHere;
}

absl::Duration UpdatedMean(absl::Duration mean, absl::Duration sample) {
  if (mean <= absl::ZeroDuration()) return sample;
  return mean + kMeanWeight * (std::min(sample, 2 * mean) - mean);
}

void ComputeRate::Add(int64_t transitions, absl::Duration busy) {
  transitions_ = kRateDecay * transitions_ + static_cast<double>(transitions);
  seconds_ = kRateDecay * seconds_ + absl::ToDoubleSeconds(busy);
}

}  // namespace rollout
