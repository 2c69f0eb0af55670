// The figures of Gruver et al. (2022) on mechanical systems, from records.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_FIGURES_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_FIGURES_H_

#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// An error of each model against the number of bodies, a panel a family of systems ("chain",
// "spring"); systems without a number stand side by side in one panel. Geometric means over seeds
// with one standard error.
Figure DrawErrors(const std::string& experiment, const ComparisonResults& results,
                  const std::vector<std::string>& systems, const std::vector<std::string>& models,
                  const std::string& metric = "rollout_error");

// Energy error against rollout error, a dot a run.
Figure DrawEnergyAgainstRollout(const std::string& experiment, const ComparisonResults& results,
                                const std::vector<std::string>& systems,
                                const std::vector<std::string>& models);

// Energy error over time, a panel a system: geometric means over rollouts and seeds with one
// standard deviation of the logarithm over rollouts.
Figure DrawGrowth(const std::string& experiment, const ComparisonResults& results,
                  const std::vector<std::string>& systems, const std::vector<std::string>& models,
                  double dt);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_FIGURES_H_
