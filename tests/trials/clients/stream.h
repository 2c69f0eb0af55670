#ifndef ROLLOUT_TESTS_TRIALS_CLIENTS_STREAM_H_
#define ROLLOUT_TESTS_TRIALS_CLIENTS_STREAM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/trial_model.h"

namespace rollout {

struct StreamOptions {
  std::string server;
  std::string model = "small";
  QueryShape shape;
  int in_flight = 8;
  bool trajectory = false;  // whole trajectories come back, too
  absl::Duration duration = absl::InfiniteDuration();
  std::string out;  // a RequestLog; empty = none
};

// Keeps requests in flight on one StreamRollout until it is told to end; prints "streaming" when
// the first answer is there. Whoever wants a client that vanishes or stops reading kills or stops
// this process.
absl::Status Stream(const StreamOptions& options);

// Opens streams, sends some requests, and drops them with answers outstanding; between them calls
// with deadlines of 1 ms. The log holds the calls and the answers that came in time.
absl::Status Abandon(const StreamOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENTS_STREAM_H_
