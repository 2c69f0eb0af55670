// An analytic mechanical system as a System.
#ifndef ROLLOUT_SYSTEMS_MECHANICS_MECHANICAL_SYSTEM_H_
#define ROLLOUT_SYSTEMS_MECHANICS_MECHANICAL_SYSTEM_H_

#include <memory>
#include <vector>

#include "systems/mechanics/dormand_prince.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/system.h"

namespace rollout {

// Solves the equations of motion over one dt at each step, the control held. The reward is 0, an
// episode ends by its time limit alone, and the observation is the state. The equations are shared
// with the other instances, the solver is this one's own.
class MechanicalSystem final : public System {
 public:
  explicit MechanicalSystem(std::shared_ptr<const EquationsOfMotion> mechanics);

  const SystemInfo& info() const override { return mechanics_->info(); }
  void Reset(uint64_t seed) override;
  absl::Status ResetTo(absl::Span<const double> state) override;
  StepResult Step(absl::Span<const double> action) override;
  void GetState(absl::Span<double> state) const override;
  void GetObservation(absl::Span<double> observation) const override { GetState(observation); }
  std::unique_ptr<System> NewInstance() const override;

 private:
  void StartAtState();

  const std::shared_ptr<const EquationsOfMotion> mechanics_;
  DormandPrince solver_;
  std::vector<double> state_;
  std::vector<double> variables_;  // the solver's
  std::vector<double> control_;    // within its bounds
  int steps_ = 0;                  // since the episode's start
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_MECHANICAL_SYSTEM_H_
