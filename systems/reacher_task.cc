// Reacher: a two-link arm in the plane and a target, whose place is a pair of further positions.
#include <cmath>

#include "models/rewards/control_cost.h"
#include "systems/mujoco_task.h"
#include "systems/observation.h"
#include "systems/reset_noise.h"

namespace rollout {
namespace {

// Bodies of reacher.xml, in MuJoCo's order: world, body0, body1, fingertip, target.
constexpr int kFingertip = 3;
constexpr int kTarget = 4;
constexpr double kTargetRadius = 0.2;

// The target is drawn in the disc of kTargetRadius; neither it nor anything else depends on where.
class ReacherTask final : public MujocoTask {
 public:
  ReacherTask()
      : MujocoTask({.name = "reacher_v5",
                    .mjcf_file = "reacher.xml",
                    .frame_skip = 2,
                    .max_episode_steps = 50,
                    .reward = "reacher_v5"}) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, 0.1, positions);
    do {
      positions[2] = random.Uniform(-kTargetRadius, kTargetRadius);
      positions[3] = random.Uniform(-kTargetRadius, kTargetRadius);
    } while (std::hypot(positions[2], positions[3]) >= kTargetRadius);
    AddUniformNoise(random, 0.005, velocities.first(2));
  }

  // With bodies where MuJoCo last evaluated them; models/rewards computes them from the new state.
  MujocoOutcome Judge(const MujocoStep& step) const override {
    const double* fingertip = step.data.xpos + 3 * kFingertip;
    const double* target = step.data.xpos + 3 * kTarget;
    const double distance =
        std::hypot(fingertip[0] - target[0], fingertip[1] - target[1], fingertip[2] - target[2]);
    return {.reward = -distance - SumOfSquares(step.transition.control)};
  }

  int ObservationSize(const mjModel&) const override { return 10; }

  void Observe(const mjModel&, const mjData& data, absl::Span<double> observation) const override {
    ObservationWriter writer(observation);
    for (const int joint : {0, 1}) writer.Add(std::cos(data.qpos[joint]));
    for (const int joint : {0, 1}) writer.Add(std::sin(data.qpos[joint]));
    writer.Add(data.qpos + 2, 2);
    writer.Add(data.qvel, 2);
    for (const int axis : {0, 1}) {
      writer.Add(data.xpos[3 * kFingertip + axis] - data.xpos[3 * kTarget + axis]);
    }
  }
};

}  // namespace

std::unique_ptr<MujocoTask> MakeReacherTask() { return std::make_unique<ReacherTask>(); }

}  // namespace rollout
