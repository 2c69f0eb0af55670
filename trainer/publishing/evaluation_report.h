// How a model predicts held-out episodes, beside its baselines.
#ifndef ROLLOUT_TRAINER_PUBLISHING_EVALUATION_REPORT_H_
#define ROLLOUT_TRAINER_PUBLISHING_EVALUATION_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/evaluation/energy_drift.h"
#include "models/evaluation/ensemble_spread.h"
#include "models/evaluation/rollout_error.h"
#include "models/evaluation/version_comparison.h"
#include "models/transition_model.h"
#include "nlohmann/json_fwd.hpp"
#include "trainer/fitting/data_statistics.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

struct EvaluationOptions {
  int64_t longest = 200;  // transitions of the longest rollouts
  int64_t stride = 100;   // steps between the starts of windows in an episode
};

struct PredictorReport {
  std::string name;  // "model", "linear", "no change", "constant velocity"
  std::vector<HorizonError> horizons;
  PaperError paper;
  int64_t useful_horizon = 0;
};

struct EvaluationReport {
  int64_t episodes = 0;  // held out
  int64_t windows = 0;
  std::vector<PredictorReport> predictors;  // the model first
  std::vector<SpreadQuality> spread;        // of ensembles
  // Of Hamiltonian kinds: how far the model drifts from its own energy along held-out windows.
  std::optional<EnergyDrift> energy_drift;
  std::vector<std::string> state_names;
};

// Rolls `model` and the baselines out on the held-out side of `data` and compares under the model's
// own state_scale. `statistics` are those of the training side.
absl::StatusOr<EvaluationReport> EvaluateModel(const TransitionModel& model, const FitData& data,
                                               const DataStatistics& statistics,
                                               const EvaluationOptions& options);

// The errors of `new_model` and `live_model` on the same held-out windows under the live model's
// state_scale, and the verdict over horizons 1, 2, 4, ... 64. `seed` is that of the bootstrap.
absl::StatusOr<Verdict> CompareModels(const TransitionModel& new_model,
                                      const TransitionModel& live_model, const FitData& data,
                                      const DataStatistics& statistics,
                                      const EvaluationOptions& options, uint64_t seed);

// Aligned text for people: normalised RMSE, mean and median, by predictor and horizon.
std::string ReportTable(const EvaluationReport& report);
// Everything, per dimension too. Numbers that do not exist are null.
nlohmann::ordered_json ReportJson(const EvaluationReport& report);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_EVALUATION_REPORT_H_
