// How well an ensemble's spread tells its own error.
#ifndef ROLLOUT_MODELS_EVALUATION_ENSEMBLE_SPREAD_H_
#define ROLLOUT_MODELS_EVALUATION_ENSEMBLE_SPREAD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/evaluation/predictor.h"
#include "models/evaluation/rollout_error.h"
#include "models/evaluation/rollout_windows.h"
#include "models/transition_model.h"

namespace rollout {

struct SpreadQuality {
  int64_t horizon = 0;
  int64_t windows = 0;  // finite for every member
  // Share of (window, dimension) whose observed value lies within 1 and 2 spreads of the members'
  // mean; a calibrated Gaussian has 0.683 and 0.954.
  double coverage_one = 0.0;
  double coverage_two = 0.0;
  // Spearman's rank correlation over windows of the spread's and the error's normalised root mean
  // square; NaN below three windows.
  double rank_correlation = 0.0;
};

// Rolls the members out apart (members[i] predicts for member i alone) and compares the population
// standard deviation over members with the error of their mean. At least two members.
absl::StatusOr<std::vector<SpreadQuality>> MeasureSpread(
    absl::Span<const std::unique_ptr<Predictor>> members, const WindowSet& set,
    const ErrorScale& scale, absl::Span<const int64_t> horizons, int64_t batch = 256);

// Member `index` of an ensemble as a model of its own, with ensemble_size 1.
TransitionModel SingleMember(const TransitionModel& ensemble, int index);

// Spearman's rank correlation; ties share their mean rank. NaN below three pairs or where one side
// is constant.
double RankCorrelation(absl::Span<const double> x, absl::Span<const double> y);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_ENSEMBLE_SPREAD_H_
