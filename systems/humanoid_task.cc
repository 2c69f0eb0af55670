// Humanoid: a torso on a free joint with arms and legs. Rewards include the forces of contact and
// the motion of the centre of mass, which are no functions of (z, u, z').
#include <algorithm>

#include "models/rewards/control_cost.h"
#include "systems/mujoco_task.h"
#include "systems/observation.h"
#include "systems/reset_noise.h"

namespace rollout {
namespace {

// Sizes of MuJoCo's per-body rows, and of the free joint's part of a velocity.
constexpr int kInertiaSize = 10;
constexpr int kVelocitySize = 6;
constexpr int kForceSize = 6;
constexpr int kFreeJointSize = 6;

class HumanoidTask final : public MujocoTask {
 public:
  HumanoidTask()
      : MujocoTask({.name = "humanoid_v5",
                    .mjcf_file = "humanoid.xml",
                    .frame_skip = 5,
                    .needs_contact_forces = true}) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, 0.01, positions);
    AddUniformNoise(random, 0.01, velocities);
  }

  // x of the centre of mass.
  double ForwardPosition(const mjModel& model, const mjData& data) const override {
    double moment = 0.0;
    double mass = 0.0;
    for (int body = 0; body < static_cast<int>(model.nbody); ++body) {
      moment += model.body_mass[body] * data.xipos[3 * body];
      mass += model.body_mass[body];
    }
    return moment / mass;
  }

  MujocoOutcome Judge(const MujocoStep& step) const override {
    const double velocity =
        (ForwardPosition(step.model, step.data) - step.position_before) / step.transition.dt;
    const double forces = SumOfSquares(absl::MakeConstSpan(
        step.data.cfrc_ext, static_cast<size_t>(kForceSize * step.model.nbody)));
    const double contact_cost = std::min(5e-7 * forces, 10.0);
    const double z = step.transition.next_state[2];
    const bool healthy = z > 1.0 && z < 2.0;
    return {.reward = 1.25 * velocity + (healthy ? 5.0 : 0.0) -
                      (0.1 * SumOfSquares(step.transition.control) + contact_cost),
            .terminated = !healthy};
  }

  int ObservationSize(const mjModel& model) const override {
    return static_cast<int>(model.nq - 2 + model.nv + model.nv - kFreeJointSize +
                            (kInertiaSize + kVelocitySize + kForceSize) * (model.nbody - 1));
  }

  void Observe(const mjModel& model, const mjData& data,
               absl::Span<double> observation) const override {
    const int bodies = static_cast<int>(model.nbody) - 1;  // all but the world
    ObservationWriter writer(observation);
    writer.Add(data.qpos + 2, static_cast<int>(model.nq) - 2);
    writer.Add(data.qvel, static_cast<int>(model.nv));
    writer.Add(data.cinert + kInertiaSize, kInertiaSize * bodies);
    writer.Add(data.cvel + kVelocitySize, kVelocitySize * bodies);
    writer.Add(data.qfrc_actuator + kFreeJointSize, static_cast<int>(model.nv) - kFreeJointSize);
    writer.Add(data.cfrc_ext + kForceSize, kForceSize * bodies);
  }
};

}  // namespace

std::unique_ptr<MujocoTask> MakeHumanoidTask() { return std::make_unique<HumanoidTask>(); }

}  // namespace rollout
