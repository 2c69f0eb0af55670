#include "server/metrics/request_statistics.h"

#include "absl/time/clock.h"

namespace rollout {

void RequestStatistics::Succeeded(const RequestTimes& times, int64_t lanes) {
  const absl::Time now = absl::Now();
  MutexLock lock(&mutex_);
  sums_.last_request = now;
  sums_.success.Add(times.replied - times.arrived);
  sums_.input.Add(times.queued - times.arrived);
  sums_.queue.Add(times.started - times.queued);
  sums_.infer.Add(times.computed - times.started);
  sums_.output.Add(times.replied - times.computed);
  sums_.lanes += lanes;
}

void RequestStatistics::BatchComputed(int64_t lanes, absl::Duration compute) {
  MutexLock lock(&mutex_);
  sums_.batches[lanes].Add(compute);
}

void RequestStatistics::Failed(absl::Duration duration) {
  const absl::Time now = absl::Now();
  MutexLock lock(&mutex_);
  sums_.last_request = now;
  sums_.fail.Add(duration);
}

RequestStatistics::Snapshot RequestStatistics::Get() const {
  MutexLock lock(&mutex_);
  return sums_;
}

}  // namespace rollout
