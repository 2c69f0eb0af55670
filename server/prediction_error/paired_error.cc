#include "server/prediction_error/paired_error.h"

#include <cmath>
#include <limits>
#include <unordered_map>

namespace rollout {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kNormal95 = 1.959964;

// Mean squared errors of both versions on one window.
struct Pair {
  double squared = 0.0;
  double with_squared = 0.0;
};

PairedHorizon Summarise(const std::vector<Pair>& pairs) {
  PairedHorizon summary;
  summary.windows = static_cast<int64_t>(pairs.size());
  summary.rmse = summary.with_rmse = kNan;
  summary.log_ratio = summary.log_ratio_low = summary.log_ratio_high = kNan;
  if (pairs.empty()) return summary;
  const double count = static_cast<double>(pairs.size());
  double mean = 0.0, with_mean = 0.0;
  for (const Pair& pair : pairs) {
    mean += pair.squared / count;
    with_mean += pair.with_squared / count;
  }
  summary.rmse = std::sqrt(mean);
  summary.with_rmse = std::sqrt(with_mean);
  if (!(mean > 0.0) || !(with_mean > 0.0)) return summary;
  double variance = 0.0;  // of ln(mean / with_mean)
  for (const Pair& pair : pairs) {
    const double influence = pair.squared / mean - pair.with_squared / with_mean;
    variance += influence * influence / (count * count);
  }
  summary.log_ratio = 0.5 * std::log(mean / with_mean);
  summary.log_ratio_low = summary.log_ratio - 0.5 * kNormal95 * std::sqrt(variance);
  summary.log_ratio_high = summary.log_ratio + 0.5 * kNormal95 * std::sqrt(variance);
  return summary;
}

}  // namespace

std::vector<PairedHorizon> CompareOnSharedWindows(const std::vector<RecentWindows>& version,
                                                  const std::vector<RecentWindows>& stable,
                                                  const TransitionModelSpec& stable_spec) {
  const StateDifference difference(stable_spec);
  std::vector<PairedHorizon> horizons;
  for (size_t k = 0; k < version.size() && k < stable.size(); ++k) {
    std::unordered_map<uint64_t, const WindowError*> by_id;
    for (const WindowError& error : stable[k]) by_id[error.window_id] = &error;
    std::vector<Pair> pairs;
    int64_t diverged = 0;
    for (const WindowError& error : version[k]) {
      const auto found = by_id.find(error.window_id);
      if (found == by_id.end() || !found->second->finite) continue;
      if (!error.finite) {
        ++diverged;
        continue;
      }
      pairs.push_back({difference.MeanOfSquares(error.squared_difference),
                       difference.MeanOfSquares(found->second->squared_difference)});
    }
    if (pairs.empty() && diverged == 0) continue;
    PairedHorizon summary = Summarise(pairs);
    summary.horizon = HorizonAt(static_cast<int>(k));
    summary.diverged = diverged;
    horizons.push_back(summary);
  }
  return horizons;
}

}  // namespace rollout
