#ifndef ROLLOUT_SERVER_METRICS_REQUEST_STATISTICS_H_
#define ROLLOUT_SERVER_METRICS_REQUEST_STATISTICS_H_

#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace rollout {

// When a request that succeeded passed the stations of its way, by one clock.
struct RequestTimes {
  absl::Time arrived;
  absl::Time queued;    // decoded and checked
  absl::Time started;   // the engine took it
  absl::Time computed;  // the engine was done
  absl::Time replied;   // the reply's bytes are made
};

// What the Open Inference Protocol's ModelStatistics tells of one version, as Triton defines it:
// each successful request counts once in success, queue and the three compute stages, and each of
// its lanes as an inference; an execution is a batch of the engine (BatchTally), which counts once
// however many requests shared it. Owned by the version; any thread.
class RequestStatistics {
 public:
  struct Sum {
    int64_t count = 0;
    absl::Duration total;
    void Add(absl::Duration duration) {
      ++count;
      total += duration;
    }
  };
  struct Snapshot {
    absl::Time last_request = absl::InfinitePast();  // wall clock
    Sum success, fail, queue, input, infer, output;
    int64_t lanes = 0;  // of the successful requests
    // Computing, by the lanes of the requests that began together: as many entries as such sums
    // were seen. All but the last of them fit into --batch-lanes.
    std::map<int64_t, Sum> batches;
  };

  void Succeeded(const RequestTimes& times, int64_t lanes) ABSL_LOCKS_EXCLUDED(mutex_);
  // A request for this version that was understood and not answered.
  void Failed(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

  void BatchComputed(int64_t lanes, absl::Duration compute) ABSL_LOCKS_EXCLUDED(mutex_);

  Snapshot Get() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  Snapshot sums_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_METRICS_REQUEST_STATISTICS_H_
