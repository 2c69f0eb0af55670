// What one MuJoCo task adds to MuJoCo: how an episode starts, what a step is worth, when it ends
// and what an agent is shown. Formulas and constants are those of Gymnasium 1.4's v5 environments.
#ifndef ROLLOUT_SYSTEMS_MUJOCO_TASK_H_
#define ROLLOUT_SYSTEMS_MUJOCO_TASK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "models/rewards/reward.h"
#include "mujoco/mujoco.h"

namespace rollout {

struct MujocoTaskInfo {
  std::string name;
  std::string mjcf_file;  // relative to the folder of MJCF files
  int frame_skip = 1;     // mj_step calls a step, the control held
  int max_episode_steps = 1000;
  bool observation_from_state = false;
  bool needs_contact_forces = false;  // mj_rnePostConstraint after each step, for cfrc_ext
  std::vector<int> ignored_positions = {};
  std::string reward = "";  // of models/rewards, or empty
  std::string termination = "";
};

// A step that was just taken. `data` is as mj_step left it: qpos and qvel are the new state, but
// positions of bodies and sites are those of the integrator's last evaluation, which is what
// Gymnasium reads.
struct MujocoStep {
  const mjModel& model;
  const mjData& data;
  TransitionView transition;     // [q, v] before, the action, [q, v] after, dt
  double position_before = 0.0;  // what ForwardPosition was before the step
};

struct MujocoOutcome {
  double reward = 0.0;
  bool terminated = false;
};

// Stateless: one instance serves any number of simulations and threads.
class MujocoTask {
 public:
  explicit MujocoTask(MujocoTaskInfo info) : info_(std::move(info)) {}
  virtual ~MujocoTask() = default;

  const MujocoTaskInfo& info() const { return info_; }

  // Adds the reset noise to positions [nq] and velocities [nv], which hold the model's qpos0 and 0.
  virtual void AddResetNoise(Random& random, absl::Span<double> positions,
                             absl::Span<double> velocities) const = 0;

  // The coordinate whose change counts as progress, where it is not one of qpos.
  virtual double ForwardPosition(const mjModel&, const mjData&) const { return 0.0; }

  virtual MujocoOutcome Judge(const MujocoStep& step) const = 0;

  virtual int ObservationSize(const mjModel& model) const = 0;
  virtual void Observe(const mjModel& model, const mjData& data,
                       absl::Span<double> observation) const = 0;

 private:
  const MujocoTaskInfo info_;
};

// The nine tasks, each defined in a file of its own family.
std::vector<std::unique_ptr<MujocoTask>> MakePlanarTasks();    // hopper, walker, cheetah, swimmer
std::vector<std::unique_ptr<MujocoTask>> MakePendulumTasks();  // single and double
std::unique_ptr<MujocoTask> MakeReacherTask();
std::unique_ptr<MujocoTask> MakeAntTask();
std::unique_ptr<MujocoTask> MakeHumanoidTask();

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MUJOCO_TASK_H_
