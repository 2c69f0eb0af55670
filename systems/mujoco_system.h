// A MuJoCo task as a System.
#ifndef ROLLOUT_SYSTEMS_MUJOCO_SYSTEM_H_
#define ROLLOUT_SYSTEMS_MUJOCO_SYSTEM_H_

#include <memory>
#include <vector>

#include "systems/mujoco_model.h"
#include "systems/mujoco_task.h"
#include "systems/system.h"

namespace rollout {

// Steps one simulation as Gymnasium does: control held over frame_skip calls of mj_step, and
// nothing recomputed afterwards. Model and task are shared with the other instances, the simulation
// is this one's own. An unstable simulation is MuJoCo's to handle: it warns and restarts from
// qpos0, as it does under Gymnasium.
class MujocoSystem final : public System {
 public:
  MujocoSystem(MujocoModel model, std::shared_ptr<const MujocoTask> task);

  const SystemInfo& info() const override { return *info_; }
  void Reset(uint64_t seed) override;
  absl::Status ResetTo(absl::Span<const double> state) override;
  StepResult Step(absl::Span<const double> action) override;
  void GetState(absl::Span<double> state) const override;
  void GetObservation(absl::Span<double> observation) const override;
  std::unique_ptr<System> NewInstance() const override;

 private:
  MujocoSystem(MujocoModel model, std::shared_ptr<const MujocoTask> task,
               std::shared_ptr<const SystemInfo> info);

  // Resets the simulation, sets `state_` and computes what depends on it.
  void StartAtState();

  const MujocoModel model_;
  const std::shared_ptr<const MujocoTask> task_;
  const std::shared_ptr<const SystemInfo> info_;
  const MujocoData data_;
  std::vector<double> state_;  // [q, v] after the last step
  std::vector<double> previous_state_;
  int steps_ = 0;  // since the episode's start
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MUJOCO_SYSTEM_H_
