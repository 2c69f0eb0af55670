// The records of one comparison of models, by system, model and seed.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_COMPARISON_RESULTS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_COMPARISON_RESULTS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/run_record.h"

namespace rollout {

// Immutable. Of the seeds that all of the systems and models have, so that a comparison is between
// equals.
class ComparisonResults {
 public:
  // Of the largest scale at which at least one seed is whole; nullopt where none is.
  static std::optional<ComparisonResults> OfLargestScale(const std::vector<RunRecord>& records,
                                                         const std::vector<std::string>& systems,
                                                         const std::vector<std::string>& models);

  const std::string& scale() const { return scale_; }
  const std::string& steps() const { return steps_; }
  int seeds() const { return seeds_; }
  // "3 seeds, 8000 steps: `rollout-experiments run ...`" of `experiment`, and how many of the runs
  // are not whole.
  std::string Source(const std::string& experiment) const;

  // One number a seed, in their order: a metric, infinite where the run diverged or has none, and
  // for errors of rollouts also where one of its rollouts is not finite.
  std::vector<double> Values(const std::string& system, const std::string& model,
                             const std::string& metric) const;
  // Of two models on one system, one number a seed.
  std::vector<double> Ratios(const std::string& system, const std::string& above,
                             const std::string& below, const std::string& metric) const;
  // Mean of the logarithms over seeds.
  double MeanLog(const std::string& system, const std::string& model,
                 const std::string& metric) const;
  double MedianOf(const std::string& system, const std::string& model,
                  const std::string& metric) const;

  // Runs that diverged or have a rollout that is not finite.
  int NotWhole(const std::string& system, const std::string& model) const;
  // A series of every run that is whole.
  std::vector<std::vector<double>> Series(const std::string& system, const std::string& model,
                                          const std::string& series) const;
  // Their geometric mean, number by number; empty where there is none.
  std::vector<double> MeanSeries(const std::string& system, const std::string& model,
                                 const std::string& series) const;

 private:
  std::string scale_, steps_;
  int seeds_ = 0;
  std::map<std::pair<std::string, std::string>, std::vector<RunRecord>> records_;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_COMPARISON_RESULTS_H_
