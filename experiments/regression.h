// Straight lines through points, over all of them and over groups.
#ifndef ROLLOUT_EXPERIMENTS_REGRESSION_H_
#define ROLLOUT_EXPERIMENTS_REGRESSION_H_

#include <map>
#include <string>
#include <vector>

namespace rollout {

struct Points {
  std::vector<double> x, y;
};

// y = slope x + intercept by least squares.
struct StraightLine {
  double slope = 0.0, intercept = 0.0;
  double r_squared = 0.0;  // the share of y's variance that it explains
};
StraightLine FitLine(const Points& points);

// The same through all groups at once, and with an intercept of each group and one slope.
struct GroupedLines {
  StraightLine pooled;
  double slope = 0.0, r_squared = 0.0;          // with intercepts of the groups
  std::map<std::string, double> intercepts;     // of the groups
  std::map<std::string, double> mean_residual;  // of the pooled line
  double y_deviation = 0.0;                     // standard deviation of all y
};
GroupedLines FitGroupedLines(const std::map<std::string, Points>& groups);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_REGRESSION_H_
