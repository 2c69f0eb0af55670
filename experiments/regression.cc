#include "experiments/regression.h"

#include <cmath>

#include "experiments/statistics.h"

namespace rollout {
namespace {

// Sums of products of deviations from the means.
struct Deviations {
  double x_mean = 0.0, y_mean = 0.0;
  double xx = 0.0, xy = 0.0, yy = 0.0;
};

Deviations Deviate(const Points& points) {
  Deviations sums;
  sums.x_mean = Mean(points.x);
  sums.y_mean = Mean(points.y);
  for (size_t i = 0; i < points.x.size(); ++i) {
    const double dx = points.x[i] - sums.x_mean, dy = points.y[i] - sums.y_mean;
    sums.xx += dx * dx;
    sums.xy += dx * dy;
    sums.yy += dy * dy;
  }
  return sums;
}

}  // namespace

StraightLine FitLine(const Points& points) {
  const Deviations sums = Deviate(points);
  const double slope = sums.xy / sums.xx;
  return {slope, sums.y_mean - slope * sums.x_mean, slope * sums.xy / sums.yy};
}

GroupedLines FitGroupedLines(const std::map<std::string, Points>& groups) {
  GroupedLines lines;
  Points all;
  double within_xx = 0.0, within_xy = 0.0, within_yy = 0.0;
  for (const auto& [name, points] : groups) {
    all.x.insert(all.x.end(), points.x.begin(), points.x.end());
    all.y.insert(all.y.end(), points.y.begin(), points.y.end());
    const Deviations sums = Deviate(points);
    within_xx += sums.xx;
    within_xy += sums.xy;
    within_yy += sums.yy;
  }
  lines.pooled = FitLine(all);
  lines.slope = within_xy / within_xx;
  const double total = Deviate(all).yy;
  lines.r_squared = 1.0 - (within_yy - lines.slope * within_xy) / total;
  lines.y_deviation = std::sqrt(total / static_cast<double>(all.y.size() - 1));
  for (const auto& [name, points] : groups) {
    const double x = Mean(points.x), y = Mean(points.y);
    lines.intercepts[name] = y - lines.slope * x;
    lines.mean_residual[name] = y - lines.pooled.slope * x - lines.pooled.intercept;
  }
  return lines;
}

}  // namespace rollout
