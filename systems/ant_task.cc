// Ant: a torso on a free joint with four legs. Rewards include the forces of contact, which are no
// function of (z, u, z').
#include <algorithm>
#include <cmath>

#include "models/rewards/control_cost.h"
#include "systems/mujoco_task.h"
#include "systems/observation.h"
#include "systems/reset_noise.h"

namespace rollout {
namespace {

constexpr int kTorso = 1;      // body of ant.xml
constexpr int kForceSize = 6;  // cfrc_ext of a body: torque, then force

class AntTask final : public MujocoTask {
 public:
  AntTask()
      : MujocoTask({.name = "ant_v5",
                    .mjcf_file = "ant.xml",
                    .frame_skip = 5,
                    .needs_contact_forces = true}) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, 0.1, positions);
    AddNormalNoise(random, 0.1, velocities);
  }

  double ForwardPosition(const mjModel&, const mjData& data) const override {
    return data.xpos[3 * kTorso];
  }

  MujocoOutcome Judge(const MujocoStep& step) const override {
    const double velocity =
        (ForwardPosition(step.model, step.data) - step.position_before) / step.transition.dt;
    double contact = 0.0;
    for (int i = 0; i < kForceSize * static_cast<int>(step.model.nbody); ++i) {
      const double force = std::clamp(step.data.cfrc_ext[i], -1.0, 1.0);
      contact += force * force;
    }
    const bool healthy = IsHealthy(step.transition.next_state);
    return {.reward = velocity + (healthy ? 1.0 : 0.0) -
                      (0.5 * SumOfSquares(step.transition.control) + 5e-4 * contact),
            .terminated = !healthy};
  }

  int ObservationSize(const mjModel& model) const override {
    return static_cast<int>(model.nq - 2 + model.nv + kForceSize * (model.nbody - 1));
  }

  void Observe(const mjModel& model, const mjData& data,
               absl::Span<double> observation) const override {
    ObservationWriter writer(observation);
    writer.Add(data.qpos + 2, static_cast<int>(model.nq) - 2);
    writer.Add(data.qvel, static_cast<int>(model.nv));
    writer.AddClamped(data.cfrc_ext + kForceSize, kForceSize * static_cast<int>(model.nbody - 1),
                      -1.0, 1.0);
  }

 private:
  static bool IsHealthy(absl::Span<const double> state) {
    return std::all_of(state.begin(), state.end(), [](double x) { return std::isfinite(x); }) &&
           state[2] >= 0.2 && state[2] <= 1.0;
  }
};

}  // namespace

std::unique_ptr<MujocoTask> MakeAntTask() { return std::make_unique<AntTask>(); }

}  // namespace rollout
