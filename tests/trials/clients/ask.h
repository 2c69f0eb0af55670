// Client processes of the trials: each a sub-command of rollout-trials, ended by SIGTERM.
#ifndef ROLLOUT_TESTS_TRIALS_CLIENTS_ASK_H_
#define ROLLOUT_TESTS_TRIALS_CLIENTS_ASK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/trial_model.h"

namespace rollout {

struct AskOptions {
  std::string server;
  std::string model = "small";
  QueryShape shape;
  double rate = 0.0;  // requests a second; 0 = as many as `in_flight` at a time allow
  int in_flight = 1;  // of a closed loop
  absl::Duration duration = absl::InfiniteDuration();
  absl::Duration deadline = absl::Seconds(30);  // of each request
  uint64_t seed = 1;
  std::string out;  // a RequestLog
};

// Asks for rollouts and logs what came back. With a rate: an open loop with the exponential gaps of
// a Poisson process, which does not slow down when the server does; a request counts from when it
// was due. Never retries. Prints the first message of each failure at the end.
absl::Status Ask(const AskOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENTS_ASK_H_
