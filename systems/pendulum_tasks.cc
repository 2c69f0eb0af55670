// InvertedPendulum and InvertedDoublePendulum: poles on a cart.
#include <cmath>

#include "models/rewards/pendulums.h"
#include "systems/mujoco_task.h"
#include "systems/observation.h"
#include "systems/reset_noise.h"

namespace rollout {
namespace {

class InvertedPendulumTask final : public MujocoTask {
 public:
  InvertedPendulumTask()
      : MujocoTask({.name = "inverted_pendulum_v5",
                    .mjcf_file = "inverted_pendulum.xml",
                    .frame_skip = 2,
                    .observation_from_state = true,
                    .reward = "inverted_pendulum_v5",
                    .termination = "inverted_pendulum_v5"}) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, 0.01, positions);
    AddUniformNoise(random, 0.01, velocities);
  }

  MujocoOutcome Judge(const MujocoStep& step) const override {
    return {.reward = InvertedPendulumReward(step.transition),
            .terminated = InvertedPendulumTermination(step.transition)};
  }

  int ObservationSize(const mjModel&) const override { return 4; }

  void Observe(const mjModel&, const mjData& data, absl::Span<double> observation) const override {
    ObservationWriter writer(observation);
    writer.Add(data.qpos, 2);
    writer.Add(data.qvel, 2);
  }
};

class InvertedDoublePendulumTask final : public MujocoTask {
 public:
  InvertedDoublePendulumTask()
      : MujocoTask({.name = "inverted_double_pendulum_v5",
                    .mjcf_file = "inverted_double_pendulum.xml",
                    .frame_skip = 5,
                    .reward = "inverted_double_pendulum_v5",
                    .termination = "inverted_double_pendulum_v5"}) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, 0.1, positions);
    AddNormalNoise(random, 0.1, velocities);
  }

  // With the tip where MuJoCo last evaluated it; models/rewards computes it from the new state.
  MujocoOutcome Judge(const MujocoStep& step) const override {
    const double x = step.data.site_xpos[0];
    const double y = step.data.site_xpos[2];
    const double v1 = step.data.qvel[1];
    const double v2 = step.data.qvel[2];
    const bool terminated = y <= 1.0;
    const double alive = terminated ? 0.0 : 10.0;
    const double distance = 0.01 * x * x + (y - 2.0) * (y - 2.0);
    return {.reward = alive - distance - (1e-3 * v1 * v1 + 5e-3 * v2 * v2),
            .terminated = terminated};
  }

  int ObservationSize(const mjModel&) const override { return 9; }

  void Observe(const mjModel&, const mjData& data, absl::Span<double> observation) const override {
    ObservationWriter writer(observation);
    writer.Add(data.qpos[0]);
    for (const int link : {1, 2}) writer.Add(std::sin(data.qpos[link]));
    for (const int link : {1, 2}) writer.Add(std::cos(data.qpos[link]));
    writer.AddClamped(data.qvel, 3, -10.0, 10.0);
    writer.AddClamped(data.qfrc_constraint, 1, -10.0, 10.0);
  }
};

}  // namespace

std::vector<std::unique_ptr<MujocoTask>> MakePendulumTasks() {
  std::vector<std::unique_ptr<MujocoTask>> tasks;
  tasks.push_back(std::make_unique<InvertedPendulumTask>());
  tasks.push_back(std::make_unique<InvertedDoublePendulumTask>());
  return tasks;
}

}  // namespace rollout
