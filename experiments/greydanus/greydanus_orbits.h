// The pictures of Hamiltonian Neural Networks (Greydanus et al., 2019).
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_ORBITS_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_ORBITS_H_

#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace rollout {

// "greydanus-orbits": one rollout of baseline and HNN beside the truth, on mass-spring and ideal
// pendulum (phase portraits) and two bodies (orbits, and energy over time). Data, fits and first
// states are those of the first rollout of "greydanus-table" with the same seed; a record keeps
// every state.
class GreydanusOrbits final : public Experiment {
 public:
  std::string name() const override { return "greydanus-orbits"; }
  std::string title() const override {
    return "Greydanus et al. (2019): phase portraits, and two bodies' orbits over time";
  }
  std::vector<PlannedRun> Plan(Scale scale, int seeds) const override;
  std::string Report(const std::vector<RunRecord>& records) const override;
  std::vector<Figure> Figures(const std::vector<RunRecord>& records) const override;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_ORBITS_H_
