// What a batcher takes, where it computes and what it advises, as pure functions.
#ifndef ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_
#define ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_

#include <cstdint>

#include "absl/time/time.h"

namespace rollout {

struct BatchLimits {
  int64_t queue_lanes = 65536;  // lanes that may wait; what exceeds it is refused at arrival
  int64_t queue_bytes = int64_t{1} << 30;  // memory of requests that wait and of their replies
  int64_t batch_lanes = 16384;             // lanes computed at the same time
};

// Whether a task of `lanes` and `bytes` may join a queue in which `waiting_lanes` and
// `waiting_bytes` wait. Where none waits, memory is no reason to refuse.
bool HasRoom(int64_t waiting_lanes, int64_t waiting_bytes, int64_t lanes, int64_t bytes,
             const BatchLimits& limits);

// How long a refused caller should wait: until the work now queued is done at the measured rate,
// within [1 ms, 10 s]; 100 ms where nothing has been measured yet. In transitions of one lane.
absl::Duration RetryDelay(int64_t queued_transitions, double transitions_per_second);

// Whether a task is so small that handing it to another thread costs more than computing it on the
// caller's, who must not be held up for longer than kMostHere. `transition` is what one transition
// of a lone lane was measured to take; zero = not known.
inline constexpr absl::Duration kMostHere = absl::Microseconds(50);
bool ComputesHere(int64_t lanes, int64_t horizon, absl::Duration transition);

// The running mean of what a transition takes. A sample counts at most as the double of the mean,
// for a thread that lost its core to others measures them.
absl::Duration UpdatedMean(absl::Duration mean, absl::Duration sample);

// Transitions per second over the recent past, while there was work.
class ComputeRate {
 public:
  void Add(int64_t transitions, absl::Duration busy);
  double per_second() const { return seconds_ > 0.0 ? transitions_ / seconds_ : 0.0; }

 private:
  // Both decay alike.
  double transitions_ = 0.0;
  double seconds_ = 0.0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_BATCH_POLICY_H_
