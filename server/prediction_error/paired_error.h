// Two versions of a model on the very windows that both predicted: a canary against the stable one.
#ifndef ROLLOUT_SERVER_PREDICTION_ERROR_PAIRED_ERROR_H_
#define ROLLOUT_SERVER_PREDICTION_ERROR_PAIRED_ERROR_H_

#include <cstdint>
#include <vector>

#include "models/transition_model.h"
#include "server/prediction_error/window_error.h"

namespace rollout {

struct PairedHorizon {
  int64_t horizon = 0;
  int64_t windows = 0;     // that both predicted, finite for both
  double rmse = 0.0;       // of this version, under the stable one's scale; NaN without windows
  double with_rmse = 0.0;  // of the stable one
  // ln(rmse / with_rmse), below 0 = this version is better, and its 95% interval (delta method over
  // windows, which overlap: a little narrower than independent ones would give). NaN without
  // windows or without error.
  double log_ratio = 0.0;
  double log_ratio_low = 0.0;
  double log_ratio_high = 0.0;
  int64_t diverged = 0;  // windows where this version alone is not finite
};

// `version` and `stable` are the recent windows of each at every horizon
// (PredictionError::Windows). One entry for each horizon at which they share a window.
std::vector<PairedHorizon> CompareOnSharedWindows(const std::vector<RecentWindows>& version,
                                                  const std::vector<RecentWindows>& stable,
                                                  const TransitionModelSpec& stable_spec);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_PREDICTION_ERROR_PAIRED_ERROR_H_
