// Figures 2, 4 and 5 of Gruver et al. (2022): chains and springs.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_ROLLOUTS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_ROLLOUTS_H_

#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "experiments/gruver/toy_run.h"

namespace rollout {

// A comparison of models on systems; everything else of a run is the same for all.
struct ToyComparison {
  std::string name, title;
  std::vector<std::string> systems;
  std::vector<ToyModel> models;
  bool shows_symplecticity = false;  // beside rollout errors
};

// Every model of a comparison gets equal optimiser steps; every system one run of each seed.
class ToyRollouts final : public Experiment {
 public:
  explicit ToyRollouts(ToyComparison comparison) : comparison_(std::move(comparison)) {}

  std::string name() const override { return comparison_.name; }
  std::string title() const override { return comparison_.title; }
  std::vector<PlannedRun> Plan(Scale scale, int seeds) const override;
  std::string Report(const std::vector<RunRecord>& records) const override;
  std::vector<Figure> Figures(const std::vector<RunRecord>& records) const override;
  std::vector<ClaimResult> Claims(const std::vector<RunRecord>& records) const override;

 private:
  std::vector<std::string> ModelNames() const;

  const ToyComparison comparison_;
};

// "toy-rollouts" (figures 2, 4 left and 5), "toy-second-order" (figure 4 right), "toy-friction"
// (figure 6), "toy-others" (figure 9), "toy-symplectic" (figure 3) and "toy-losses" (figure 8).
std::vector<ToyComparison> ToyComparisons();

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_ROLLOUTS_H_
