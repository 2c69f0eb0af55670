// Measures rollouts of several engines, interleaved, beside the machine's own peak.
#ifndef ROLLOUT_BENCH_ROLLOUT_CELLS_H_
#define ROLLOUT_BENCH_ROLLOUT_CELLS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/engines/engine.h"

namespace rollout::bench {

// An engine and how many threads it computes on.
struct Contender {
  std::string name;
  const EngineModule* module = nullptr;
  int threads = 1;
};

// One row of the result.
struct Measurement {
  std::string kind, engine, device;
  int batch = 0, horizon = 0, substeps = 0, threads = 0;
  int width = 0, depth = 0;
  double ms = 0.0;         // best
  double median_ms = 0.0;  // of `runs`
  // Best processor time of this process divided by threads: on a machine that others use as well it
  // leaves out the time that they were given; on an idle one it is `ms`.
  double cpu_ms = 0.0;
  int runs = 0;
  double transitions_per_second = 0.0;
  double gflops = 0.0;           // of matrix products, at the best time
  double peak_gflops = 0.0;      // best of fused multiply-adds on as many threads, in the same run
  double percent_of_peak = 0.0;  // gflops / peak_gflops
  double cpu_percent_of_peak = 0.0;  // the same by cpu_ms
  double streaming_ms = 0.0;         // reading every weight of every evaluation once, one thread
};

// Rollouts of one model: every contender in turn, round after round.
struct RolloutCell {
  std::string kind = "NODE_SO";
  int batch = 1;
  int horizon = 200;
  int substeps = 8;
  int width = 128;
  int depth = 2;
  absl::Duration budget = absl::Milliseconds(500);  // for each contender; at least three runs
};

// Contenders that do not take the model, or would need more than `longest_run` for one run (judged
// by a run of one transition), are left out. Errors: those of making the model, and of a rollout.
absl::StatusOr<std::vector<Measurement>> MeasureCell(const RolloutCell& cell,
                                                     const std::vector<Contender>& contenders,
                                                     absl::Duration longest_run);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_ROLLOUT_CELLS_H_
