// The arithmetic of prediction error: one window, then sums over windows.
#ifndef ROLLOUT_SERVER_PREDICTION_ERROR_WINDOW_ERROR_H_
#define ROLLOUT_SERVER_PREDICTION_ERROR_WINDOW_ERROR_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "models/transition_model.h"
#include "server/prediction_error/reported_episodes.h"

namespace rollout {

// How two states of a model differ: ((a - b) / state_scale)^2, angular positions modulo 2 pi into
// (-pi, pi], averaged over the dimensions that are not constant. Immutable; any thread.
class StateDifference {
 public:
  // A dimension is constant where the spec's data_low and data_high leave it no room: at most 1e-6
  // of max(1, |middle|).
  explicit StateDifference(const TransitionModelSpec& spec);

  // Non-finite where any dimension of `a` or `b` is, constant ones included.
  double MeanSquare(absl::Span<const double> a, absl::Span<const double> b) const;

  // The squares of a - b, angles modulo 2 pi, not scaled: what another scale can still be put to.
  std::vector<float> Squares(absl::Span<const double> a, absl::Span<const double> b) const;
  // MeanSquare from Squares.
  double MeanOfSquares(absl::Span<const float> squares) const;

  // 1 / state_scale, 0 for a constant dimension.
  double inverse_scale(int dimension) const { return inverse_scale_[dimension]; }

  int state_size() const { return static_cast<int>(inverse_scale_.size()); }

 private:
  std::vector<double> inverse_scale_;  // [2n], 0 for constant dimensions
  std::vector<uint8_t> is_angular_;    // [2n]
  int num_counted_ = 0;
};

// The error of one window at one horizon. `finite` is false where the prediction is not finite at
// any step up to the horizon; the errors then say nothing.
struct WindowError {
  int horizon_index = 0;
  bool finite = true;
  double squared = 0.0;                   // of the model
  double baseline_squared = 0.0;          // of "no change"
  std::vector<float> squared_difference;  // [2n], of the model (StateDifference::Squares)
  uint64_t window_id = 0;                 // PredictionWindow::id
};

// What the recent errors of one horizon rest on.
using RecentWindows = std::vector<WindowError>;

// One error for each horizon of `window`, given its rollout [length + 1, 2n].
std::vector<WindowError> CompareWindow(const PredictionWindow& window,
                                       absl::Span<const float> trajectory,
                                       const StateDifference& difference);

// Errors of one horizon: totals since the start, which add up over replicas, and a picture of the
// last windows. Not synchronised.
class HorizonErrors {
 public:
  explicit HorizonErrors(int64_t recent_windows) : capacity_(recent_windows) {}

  void Add(const WindowError& error);

  struct Totals {
    double squared_error = 0.0;           // of finite windows
    double baseline_squared_error = 0.0;  // of "no change" on the same windows
    int64_t finite_windows = 0;
    int64_t non_finite_windows = 0;
  };
  const Totals& totals() const { return totals_; }

  struct Recent {
    int64_t windows = 0;          // finite and not
    double rmse = 0.0;            // normalised; NaN without finite windows
    double skill = 0.0;           // 1 - model's / baseline's squared error; NaN where that is 0
    double diverged_ratio = 0.0;  // NaN without windows
  };
  Recent recent() const;

  // Normalised RMSE of each dimension over the recent finite windows, [2n]; NaN for constant ones
  // and without windows.
  std::vector<double> DimensionErrors(const StateDifference& difference) const;

  const RecentWindows& windows() const { return ring_; }

 private:
  int64_t capacity_;
  Totals totals_;
  RecentWindows ring_;
  int64_t next_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_PREDICTION_ERROR_WINDOW_ERROR_H_
