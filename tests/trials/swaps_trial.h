// A thousand versions published to a server that answers requests meanwhile.
#ifndef ROLLOUT_TESTS_TRIALS_SWAPS_TRIAL_H_
#define ROLLOUT_TESTS_TRIALS_SWAPS_TRIAL_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/judgements.h"

namespace rollout {

struct SwapsOptions {
  int publications = 1000;  // one in ten damaged
  absl::Duration interval = absl::Milliseconds(150);
  double rate = 100.0;  // requests a second of each of two clients
  int control_publications = 120;
};

// Judges that no request failed or was answered wrongly, that latency in the windows of swaps is
// little worse than outside of them, and that memory does not grow. Then the same with servers that
// do wrong (one that stands still at each publication, one that keeps every version, one whose
// model is unloaded at each publication): these must not pass.
absl::Status RunSwaps(const SwapsOptions& options, Judgements* judgements);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_SWAPS_TRIAL_H_
