// Measures rollouts by several contenders, interleaved, beside the machine's own peak.
#ifndef ROLLOUT_BENCH_ROLLOUT_CELLS_H_
#define ROLLOUT_BENCH_ROLLOUT_CELLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "bench/contender.h"

namespace rollout::bench {

// Rollouts of one model: every contender in turn, round after round.
struct RolloutCell {
  std::string kind = "NODE_SO";
  bool gradient = false;
  int batch = 1;
  int horizon = 200;
  int substeps = 8;
  int width = 128;
  int depth = 2;
  absl::Duration budget = absl::Milliseconds(500);  // for each contender; at least three runs
  // A cell of which the first contender would need longer for one run is cut to fewer transitions;
  // contenders that are ten times slower than this leave it.
  absl::Duration longest_run = absl::Seconds(2);
  // Idle time before each run: a planner asks every 10 ms, by when threads have gone to sleep.
  absl::Duration pause = absl::ZeroDuration();
};

// One row of the result. Times are of the whole horizon, also where fewer transitions were timed.
struct Measurement {
  RolloutCell cell;
  std::string contender, device;
  int threads = 0;
  int timed_transitions = 0;
  double ms = 0.0;         // best
  double median_ms = 0.0;  // of `runs`
  // Best processor time divided by threads: on a machine that others use as well it leaves out the
  // time that they were given; on an idle one it is `ms` of whoever keeps all threads busy.
  double cpu_ms = 0.0;
  int runs = 0;
  double transitions_per_second = 0.0;
  double gflops = 0.0;           // of matrix products, at the best time
  double peak_gflops = 0.0;      // best of fused multiply-adds on as many threads, in the same run
  double percent_of_peak = 0.0;  // gflops / peak_gflops
  double streaming_ms = 0.0;     // reading every weight of every evaluation once, one thread: best
  double median_streaming_ms = 0.0;
  double cycles_per_substep = 0.0;  // at the best time, by the clock measured in the same run
  double deviation = 0.0;           // from the first contender, largest, in units of the spread
};

// Errors: those of making the model and of the contenders (other than that one does not take the
// case); INTERNAL where two contenders disagree by more than 1e-3 of the spread.
absl::StatusOr<std::vector<Measurement>> MeasureCell(
    const RolloutCell& cell, absl::Span<const std::unique_ptr<Contender>> contenders);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_ROLLOUT_CELLS_H_
