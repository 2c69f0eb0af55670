// How a training went: one row per evaluation.
#ifndef ROLLOUT_TRAINER_SAC_LEARNING_CURVE_H_
#define ROLLOUT_TRAINER_SAC_LEARNING_CURVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rollout {

struct LearningCurveRow {
  int64_t step = 0;           // environment steps so far
  double wall_seconds = 0.0;  // of all sittings together
  double return_mean = 0.0;   // deterministic episodes
  double return_sd = 0.0;
  double episode_steps = 0.0;  // mean length of these episodes
  double critic_loss = 0.0;    // of the last update
  double temperature = 0.0;
  double entropy = 0.0;  // nats
};

// The rows in order of their steps, and their file: CSV with a header line of the names above. A
// plain value.
struct LearningCurve {
  std::vector<LearningCurveRow> rows;

  // The highest return_mean, -infinity without rows.
  double best_return() const;
};

// NOT_FOUND without a file; INVALID_ARGUMENT naming the line that is not a row.
absl::StatusOr<LearningCurve> ReadLearningCurve(const std::string& path);
// Replaces the file in one step. UNAVAILABLE with the path where it cannot be written.
absl::Status WriteLearningCurve(const std::string& path, const LearningCurve& curve);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_LEARNING_CURVE_H_
