// Open-loop prediction error of a predictor on observed windows.
//
// Normalised RMSE at horizon h = sqrt(mean over windows and dimensions of
// ((predicted_h - observed_h) / state_scale)^2), at step h exactly. Angular positions differ modulo
// 2 pi; constant dimensions are left out; a window counts at h when its episode reaches h; a window
// whose prediction is not finite at or before h is counted apart and never averaged in.
#ifndef ROLLOUT_MODELS_EVALUATION_ROLLOUT_ERROR_H_
#define ROLLOUT_MODELS_EVALUATION_ROLLOUT_ERROR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/evaluation/predictor.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

// How differences of states are measured.
struct ErrorScale {
  std::vector<double> state_scale;     // [2n], > 0
  std::vector<uint8_t> constant;       // [2n], 1 = left out; empty = none
  std::vector<int> angular_positions;  // differences modulo 2 pi
  std::vector<double> training_std;    // [2n], of the paper's test error; empty = not wanted
};

// The errors of every window at every step: what all summaries are made of.
struct WindowErrors {
  struct Window {
    int64_t episode = 0;
    int64_t length = 0;
    int64_t first_non_finite = 0;      // length + 1 where all is finite
    std::vector<double> mean_square;   // [length + 1], mean over the dimensions that count
    std::vector<float> square;         // [length + 1, 2n]
    double paper_mean_square = 0.0;    // over steps 0..199, windows of 200 steps only
    std::vector<double> paper_square;  // [200]
  };
  int state_size = 0;
  std::vector<uint8_t> constant;  // [2n]
  std::vector<Window> windows;
};

// The length of the test trajectories of Gruver et al. (2022), appendix C.
inline constexpr int64_t kPaperSteps = 200;

// Runs `predictor` over all windows, `batch` of them at a time.
absl::StatusOr<WindowErrors> MeasureErrors(Predictor& predictor, const WindowSet& set,
                                           const ErrorScale& scale, int64_t batch = 256);

struct HorizonError {
  int64_t horizon = 0;
  int64_t windows = 0;     // that reach the horizon and are finite there
  int64_t non_finite = 0;  // that reach the horizon and are not
  double rmse = 0.0;       // NaN where no window counts
  double median = 0.0;     // over windows, of the root of each window's mean over dimensions
  std::vector<double> dimension_rmse;    // [2n], NaN for constant dimensions
  std::vector<double> dimension_median;  // [2n], of absolute errors
};

// One entry for each of `horizons`, in order.
std::vector<HorizonError> SummariseErrors(const WindowErrors& errors,
                                          absl::Span<const int64_t> horizons);

// 1, 2, 4, … up to `longest`, which ends the list whether or not it is a power of two.
std::vector<int64_t> DoublingHorizons(int64_t longest);

// The test error of Gruver et al. (2022), figure 7: mean over windows of 200 steps, dimensions and
// steps 0..199 of ((predicted - observed) / standard deviation of the training states)^2.
struct PaperError {
  int64_t windows = 0;
  int64_t non_finite = 0;  // left out of all three
  double mean = 0.0;
  double median_over_steps = 0.0;    // of the mean over windows and dimensions at each step
  double median_over_windows = 0.0;  // of the mean over steps and dimensions of each window
};
PaperError SummarisePaperError(const WindowErrors& errors);

// The last step up to which the model's normalised RMSE stays below that of `baseline` (measured on
// the same windows) and no window more is non-finite; 0 where it never is.
int64_t UsefulHorizon(const WindowErrors& model, const WindowErrors& baseline, int64_t longest);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_ROLLOUT_ERROR_H_
