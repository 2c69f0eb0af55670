// The record of a run that is under way, on disk.
#ifndef ROLLOUT_EXPERIMENTS_PARTIAL_RECORD_H_
#define ROLLOUT_EXPERIMENTS_PARTIAL_RECORD_H_

#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "experiments/run_record.h"

namespace rollout {

// Beside the saved state of a fit: what was measured half way, and the seconds of all sittings. One
// owner, for as long as a run is being made in this process.
class PartialRecord {
 public:
  // Goes on with what `file` has where its settings are those of `fresh`.
  PartialRecord(std::string file, RunRecord fresh);

  RunRecord& record() { return record_; }

  // Replaces the file in one step, so that a kill leaves the one before.
  void Write();

  // The finished record; there is no file any more.
  RunRecord Finish();

 private:
  void CountSeconds();

  const std::string file_;
  const SteadyClock clock_;
  const absl::Time start_ = clock_.Now();
  RunRecord record_;
  double seconds_before_ = 0.0;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_PARTIAL_RECORD_H_
