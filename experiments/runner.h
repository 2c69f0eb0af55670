// Makes the runs of an experiment that have no record yet.
#ifndef ROLLOUT_EXPERIMENTS_RUNNER_H_
#define ROLLOUT_EXPERIMENTS_RUNNER_H_

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/experiment.h"
#include "experiments/result_file.h"

namespace rollout {

struct RunnerOptions {
  int threads = 1;
  std::string partial;                      // folder of what stopped runs go on from
  std::string build;                        // every record's setting "build", where not empty
  const std::atomic<bool>* stop = nullptr;  // not null
  // After each run that ended, and once before the first: how many of all have a record. One
  // thread at a time.
  std::function<void(int done, int total)> progress = [](int, int) {};
};

// Path and beginning of the name of the files of the run `key` in the folder `partial`.
std::string PartialFiles(const std::string& partial, const std::string& key);

struct RunnerSummary {
  int made = 0;
  int found = 0;  // had a record already
  int diverged = 0;
};

// Makes the runs of `plan` in its order on `threads` threads. The first error of a run, or of
// writing its record, ends all of them and is returned; CANCELLED where `stop` was set (records
// stay, and what runs under way left in options.partial).
absl::StatusOr<RunnerSummary> MakeRuns(const std::vector<PlannedRun>& plan,
                                       const RunnerOptions& options, ResultFile* results);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_RUNNER_H_
