// The table of Hamiltonian Neural Networks: losses and energy error, baseline against HNN.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TABLE_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TABLE_H_

#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace rollout {

// For each task and seed one run of the baseline (a network for the derivative itself) and one of
// the HNN, on the same data and first states and with the same optimiser steps; the energy error is
// measured after half of the steps as well.
class GreydanusTable final : public Experiment {
 public:
  std::string name() const override { return "greydanus-table"; }
  std::string title() const override {
    return "Greydanus et al. (2019): train loss, test loss and energy, baseline against HNN";
  }
  std::vector<PlannedRun> Plan(Scale scale, int seeds) const override;
  std::string Report(const std::vector<RunRecord>& records) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TABLE_H_
