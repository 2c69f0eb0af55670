// The comparisons that serving-bench makes.
#ifndef ROLLOUT_BENCH_SERVING_SERVING_LINES_H_
#define ROLLOUT_BENCH_SERVING_SERVING_LINES_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/serving/bench_servers.h"
#include "bench/serving/side.h"

namespace rollout::bench {

struct LineOptions {
  std::filesystem::path programs;  // folder of rolloutd and serving-echo
  std::filesystem::path scratch;   // empty folder for models, logs and port files
  // Client on the one, servers on the others, where there are two or more and small calls are
  // measured: neither takes the other's core. Empty = wherever the system puts them.
  std::vector<int> client_cores, server_cores;
  int rounds = 8;
  absl::Duration stretch = absl::Milliseconds(400);
};

struct LineResult {
  std::vector<nlohmann::json> cells;  // what was measured, one a side
  std::vector<Ratio> ratios;
};

// One lane, one transition, beside an echo of the same bytes: one and 32 in flight.
absl::StatusOr<LineResult> MeasureOverhead(const LineOptions& options);

// Replies of 1 MiB beyond their computation, beside an echo of the same bytes.
absl::StatusOr<LineResult> MeasureLargeReplies(const LineOptions& options);

// 32 clients of B = 8, T = 200, beside the engine without a server, on all cores.
absl::StatusOr<LineResult> MeasureComputeBound(const LineOptions& options);

// 32 clients of B = 8, 90% T = 20 and 10% T = 200, beside batches without lane replacement.
absl::StatusOr<LineResult> MeasureMixedHorizons(const LineOptions& options);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_SERVING_LINES_H_
