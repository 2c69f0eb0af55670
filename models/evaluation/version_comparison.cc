#include "models/evaluation/version_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "absl/strings/str_format.h"

namespace rollout {
namespace {

// Of squared, summed errors: two perfect predictions compare as equal.
constexpr double kSmallestSum = 1e-30;

// Mean over horizons of ln(nRMSE new / nRMSE live), episode i counted `weights[i]` times. Nothing
// where no window counts at any horizon.
std::optional<double> MeanLogRatio(const PairedErrors& errors, const std::vector<int>& weights) {
  double sum = 0.0;
  int counted = 0;
  for (size_t h = 0; h < errors.horizons.size(); ++h) {
    double new_sum = 0.0, live_sum = 0.0;
    int64_t windows = 0;
    for (size_t i = 0; i < errors.episodes.size(); ++i) {
      new_sum += weights[i] * errors.episodes[i].new_sum[h];
      live_sum += weights[i] * errors.episodes[i].live_sum[h];
      windows += weights[i] * errors.episodes[i].windows[h];
    }
    if (windows == 0) continue;
    // Both RMSEs share the number of windows, so the ratio of sums is that of mean squares.
    sum += 0.5 * std::log(std::max(new_sum, kSmallestSum) / std::max(live_sum, kSmallestSum));
    ++counted;
  }
  if (counted == 0) return std::nullopt;
  return sum / counted;
}

std::string Interval(const Verdict& verdict) {
  const auto percent = [](double log_ratio) { return 100.0 * std::expm1(log_ratio); };
  return absl::StrFormat(
      "error %+.1f%% (95%% interval %+.1f%% to %+.1f%%, geometric mean over horizons)",
      percent(verdict.log_ratio), percent(verdict.log_ratio_low), percent(verdict.log_ratio_high));
}

}  // namespace

PairedErrors PairErrors(const WindowErrors& new_version, const WindowErrors& live_version,
                        absl::Span<const int64_t> horizons) {
  PairedErrors paired;
  paired.horizons.assign(horizons.begin(), horizons.end());
  const int64_t longest = horizons.empty() ? 0 : horizons.back();
  std::map<int64_t, EpisodeErrors> by_episode;
  for (size_t i = 0; i < new_version.windows.size(); ++i) {
    const WindowErrors::Window& fresh = new_version.windows[i];
    const WindowErrors::Window& live = live_version.windows[i];
    const int64_t last = std::min(longest, fresh.length);
    if (fresh.first_non_finite <= last) ++paired.new_non_finite;
    if (live.first_non_finite <= last) ++paired.live_non_finite;
    EpisodeErrors& episode = by_episode[fresh.episode];
    if (episode.windows.empty()) {
      episode.new_sum.resize(horizons.size());
      episode.live_sum.resize(horizons.size());
      episode.windows.resize(horizons.size());
    }
    for (size_t h = 0; h < horizons.size(); ++h) {
      if (fresh.length < horizons[h] || fresh.first_non_finite <= horizons[h] ||
          live.first_non_finite <= horizons[h]) {
        continue;
      }
      episode.new_sum[h] += fresh.mean_square[horizons[h]];
      episode.live_sum[h] += live.mean_square[horizons[h]];
      ++episode.windows[h];
    }
  }
  for (auto& [id, episode] : by_episode) paired.episodes.push_back(std::move(episode));
  return paired;
}

Verdict CompareVersions(const PairedErrors& errors, const ComparisonOptions& options,
                        absl::FunctionRef<uint64_t(uint64_t bound)> uniform_integer) {
  Verdict verdict;
  verdict.new_non_finite = errors.new_non_finite;
  verdict.live_non_finite = errors.live_non_finite;
  const size_t episodes = errors.episodes.size();
  const std::optional<double> observed = MeanLogRatio(errors, std::vector<int>(episodes, 1));
  if (!observed) {
    verdict.reason = "no held-out window is finite under both versions, so nothing can be compared";
    return verdict;
  }
  verdict.log_ratio = *observed;

  std::vector<double> resampled;
  for (int resample = 0; resample < options.resamples; ++resample) {
    std::vector<int> weights(episodes, 0);
    for (size_t i = 0; i < episodes; ++i) ++weights[uniform_integer(episodes)];
    if (const std::optional<double> ratio = MeanLogRatio(errors, weights)) {
      resampled.push_back(*ratio);
    }
  }
  std::sort(resampled.begin(), resampled.end());
  const auto quantile = [&](double q) {
    if (resampled.empty()) return *observed;
    const size_t last = resampled.size() - 1;
    return resampled[static_cast<size_t>(std::lround(q * static_cast<double>(last)))];
  };
  const double tail = 0.5 * (1.0 - options.confidence);
  verdict.log_ratio_low = quantile(tail);
  verdict.log_ratio_high = quantile(1.0 - tail);

  if (errors.new_non_finite > errors.live_non_finite) {
    verdict.reason =
        absl::StrFormat("not better: %d windows turn non-finite, under the live version %d",
                        errors.new_non_finite, errors.live_non_finite);
  } else if (verdict.log_ratio >= 0.0) {
    verdict.reason = "not better: " + Interval(verdict);
  } else if (verdict.log_ratio_high >= 0.0) {
    verdict.reason = "not clearly better: " + Interval(verdict) + ", the interval includes 0";
  } else if (episodes < 2) {
    verdict.reason = "not clearly better: one held-out episode is too few to tell";
  } else {
    verdict.better = true;
    verdict.reason = "better: " + Interval(verdict);
  }
  return verdict;
}

}  // namespace rollout
