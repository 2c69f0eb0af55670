// Everything at once for half an hour.
#ifndef ROLLOUT_TESTS_TRIALS_SOAK_TRIAL_H_
#define ROLLOUT_TESTS_TRIALS_SOAK_TRIAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/judgements.h"

namespace rollout {

struct SoakOptions {
  absl::Duration duration = absl::Minutes(30);
  absl::Duration publication_interval = absl::Seconds(5);  // one in ten damaged
  absl::Duration sample_interval = absl::Seconds(5);
  std::string figure;  // an SVG of memory, latency and errors; empty = none
};

// A server under two steady clients, one with large requests, streams, reports of transitions,
// clients that give up and clients that are killed, while versions come and go. Judges failures,
// wrong answers, memory, files and threads.
absl::Status RunSoak(const SoakOptions& options, Judgements* judgements);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_SOAK_TRIAL_H_
