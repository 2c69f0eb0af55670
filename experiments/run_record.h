// What one training run of an experiment left behind.
#ifndef ROLLOUT_EXPERIMENTS_RUN_RECORD_H_
#define ROLLOUT_EXPERIMENTS_RUN_RECORD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

// One line of a result file. A run that diverged is a record as well: its outcome says so, and it
// has the metrics that exist.
struct RunRecord {
  std::string key;  // unique within the experiment: "paper/two_body/HNN/seed1"
  std::map<std::string, std::string> settings;  // "system", "model", "steps", ...
  uint64_t seed = 0;
  std::string outcome = "finished";  // or "diverged: <where>"
  std::map<std::string, double> metrics;
  std::map<std::string, std::vector<double>> series;  // one number for each trajectory or time
  double seconds = 0.0;                               // wall time
};

// One line of JSON without line breaks; numbers that are not finite become null.
std::string ToJsonLine(const RunRecord& record);

// INVALID_ARGUMENT for a line that ToJsonLine did not write.
absl::StatusOr<RunRecord> ParseJsonLine(absl::string_view line);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_RUN_RECORD_H_
