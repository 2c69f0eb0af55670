// What a dataset says about scales: the numbers behind normalisers, losses and errors.
#ifndef ROLLOUT_TRAINER_FITTING_DATA_STATISTICS_H_
#define ROLLOUT_TRAINER_FITTING_DATA_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/dataset.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

// Means and standard deviations over the training episodes. A dimension whose deviation is below
// 1e-6 max(1, |mean|) is constant: deviation 1 everywhere, left out of losses and errors.
struct DataStatistics {
  std::vector<double> state_std;    // [2n], of the states as they are
  std::vector<uint8_t> constant;    // [2n]
  std::vector<double> state_scale;  // [2n]; see below
  std::vector<double> input_mean;   // [F + n + nu], of [f(q), v, u]
  std::vector<double> input_std;
  std::vector<double> rate_mean;  // [2n], of (z(t + dt) - z(t)) / dt
  std::vector<double> rate_std;
  std::vector<float> data_low;  // [2n], the range widened by 10%
  std::vector<float> data_high;
};

// state_scale is what normalised errors divide by: the deviation of the states; of angular
// positions at most that of a uniform angle, pi / sqrt(3); of ignored positions the deviation of
// what they move within a window of up to 200 steps, because that is what a rollout has to predict.
//
// INVALID_ARGUMENT where the episodes hold no transition, or a number that is not finite (naming
// episode, step and dimension).
absl::StatusOr<DataStatistics> MeasureData(const std::vector<ObservedEpisode>& episodes,
                                           const DatasetInfo& info);

// What a loss multiplies errors by: 1 / state_scale, 0 for a constant dimension. [2n]
std::vector<float> InverseLossScale(const DataStatistics& statistics);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_DATA_STATISTICS_H_
