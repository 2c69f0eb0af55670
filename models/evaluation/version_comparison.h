// Whether a new version of a model is better than the live one: a pure function over their errors.
#ifndef ROLLOUT_MODELS_EVALUATION_VERSION_COMPARISON_H_
#define ROLLOUT_MODELS_EVALUATION_VERSION_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "models/evaluation/rollout_error.h"

namespace rollout {

// Squared errors of both versions on the same windows, summed per episode and horizon. Windows
// where either is non-finite stay out of the sums.
struct EpisodeErrors {
  std::vector<double> new_sum;   // [H], sums of each window's mean square over dimensions
  std::vector<double> live_sum;  // [H]
  std::vector<int64_t> windows;  // [H]
};
struct PairedErrors {
  std::vector<int64_t> horizons;  // [H]
  std::vector<EpisodeErrors> episodes;
  int64_t new_non_finite = 0;  // windows that turn non-finite at or before the longest horizon
  int64_t live_non_finite = 0;
};

// Pairs errors that MeasureErrors gave on the same window set.
PairedErrors PairErrors(const WindowErrors& new_version, const WindowErrors& live_version,
                        absl::Span<const int64_t> horizons);

struct ComparisonOptions {
  int resamples = 2000;
  double confidence = 0.95;
};

struct Verdict {
  bool better = false;
  // Mean over horizons of ln(nRMSE new / nRMSE live): below 0 = the new version is better.
  double log_ratio = 0.0;
  double log_ratio_low = 0.0;  // bounds of its bootstrap interval
  double log_ratio_high = 0.0;
  int64_t new_non_finite = 0;
  int64_t live_non_finite = 0;
  std::string reason;  // one sentence with the figures that decided
};

// Better = a lower mean over the horizons (1, 2, 4, … 64 unless told otherwise) of ln nRMSE, the
// paired bootstrap interval over episodes excluding 0, and no more non-finite windows.
// `uniform_integer(bound)` draws from 0 … bound - 1.
Verdict CompareVersions(const PairedErrors& errors, const ComparisonOptions& options,
                        absl::FunctionRef<uint64_t(uint64_t bound)> uniform_integer);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_VERSION_COMPARISON_H_
