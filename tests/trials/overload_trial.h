// Twice as many requests as a server can compute.
#ifndef ROLLOUT_TESTS_TRIALS_OVERLOAD_TRIAL_H_
#define ROLLOUT_TESTS_TRIALS_OVERLOAD_TRIAL_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/judgements.h"
#include "tests/trials/trial_model.h"

namespace rollout {

struct OverloadOptions {
  absl::Duration duration = absl::Seconds(60);  // of the overload
  absl::Duration calm = absl::Seconds(5);       // before and after, and for measuring capacity
  double load = 2.0;                            // times the capacity
  QueryShape shape = {32, 100};
  // What the operator of a server that must answer in time sets: what waits is one batch.
  int batch_lanes = 64;
  int queue_lanes = 64;
};

// One request at a time, then the capacity in a closed loop, then `load` times that as a Poisson
// process, then one at a time again. Judges the latency of what was accepted, what a refusal takes
// beside a bare echo, memory, answers, and that everything is as before afterwards.
absl::Status RunOverload(const OverloadOptions& options, Judgements* judgements);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_OVERLOAD_TRIAL_H_
