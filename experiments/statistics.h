// Summaries of small samples, as the reports state them.
#ifndef ROLLOUT_EXPERIMENTS_STATISTICS_H_
#define ROLLOUT_EXPERIMENTS_STATISTICS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace rollout {

// Of an even count the mean of the two in the middle; NaN counts as larger than every number. NaN
// for no values.
double Median(std::vector<double> values);

double Mean(const std::vector<double>& values);

// Spearman's rank correlation of two equally long lists, in [-1, 1]; equal values share their mean
// rank. NaN where one of them is constant or a value is not finite.
double RankCorrelation(const std::vector<double>& a, const std::vector<double>& b);

// "1.2 [1.1, 1.4]": median, least and most of one figure a seed; of one seed the figure alone.
std::string WithSpread(const std::vector<double>& of_seeds);
// The same around a figure that all seeds together give.
std::string WithSpread(double figure, const std::vector<double>& of_seeds);

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

// The 95% percentile interval of the median over `resamples` bootstrap samples of whole groups
// (seeds) and of values within them: values of one group share a trained model.
Interval BootstrapMedian(const std::vector<std::vector<double>>& groups, uint64_t seed,
                         int resamples = 2000);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_STATISTICS_H_
