#include "experiments/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_format.h"
#include "base/random.h"

namespace rollout {
namespace {

bool NanIsLargest(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end(), NanIsLargest);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval BootstrapMedian(const std::vector<std::vector<double>>& groups, uint64_t seed,
                         int resamples) {
  Random random(seed);
  std::vector<double> medians, sample;
  for (int i = 0; i < resamples; ++i) {
    sample.clear();
    for (size_t g = 0; g < groups.size(); ++g) {
      const std::vector<double>& group = groups[random.UniformInteger(groups.size())];
      for (size_t k = 0; k < group.size(); ++k) {
        sample.push_back(group[random.UniformInteger(group.size())]);
      }
    }
    medians.push_back(Median(sample));
  }
  std::sort(medians.begin(), medians.end(), NanIsLargest);
  const auto quantile = [&](double q) {
    return medians[static_cast<size_t>(q * static_cast<double>(medians.size() - 1))];
  };
  return {quantile(0.025), quantile(0.975)};
}

namespace {

// Ranks from 0, ties sharing their mean.
std::vector<double> Ranks(const std::vector<double>& values) {
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    double below = 0.0, equal = 0.0;
    for (const double other : values) {
      below += other < values[i];
      equal += other == values[i];
    }
    ranks[i] = below + 0.5 * (equal - 1.0);
  }
  return ranks;
}

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

}  // namespace

double RankCorrelation(const std::vector<double>& a, const std::vector<double>& b) {
  if (!AllFinite(a) || !AllFinite(b)) return std::nan("");
  const std::vector<double> ranks_a = Ranks(a), ranks_b = Ranks(b);
  const double middle = 0.5 * (static_cast<double>(a.size()) - 1.0);
  double product = 0.0, squares_a = 0.0, squares_b = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += (ranks_a[i] - middle) * (ranks_b[i] - middle);
    squares_a += (ranks_a[i] - middle) * (ranks_a[i] - middle);
    squares_b += (ranks_b[i] - middle) * (ranks_b[i] - middle);
  }
  return product / std::sqrt(squares_a * squares_b);
}

std::string WithSpread(const std::vector<double>& of_seeds) {
  return WithSpread(Median(of_seeds), of_seeds);
}

std::string WithSpread(double figure, const std::vector<double>& of_seeds) {
  if (of_seeds.size() < 2) return absl::StrFormat("%.3g", figure);
  const auto [least, most] = std::minmax_element(of_seeds.begin(), of_seeds.end(), NanIsLargest);
  return absl::StrFormat("%.3g [%.3g, %.3g]", figure, *least, *most);
}

}  // namespace rollout
