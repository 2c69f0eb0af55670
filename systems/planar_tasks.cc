// Hopper, Walker2d, HalfCheetah and Swimmer: chains of links that move along x in a plane.
#include "models/rewards/planar_walkers.h"
#include "systems/mujoco_task.h"
#include "systems/observation.h"
#include "systems/reset_noise.h"

namespace rollout {
namespace {

enum class VelocityNoise { kUniform, kNormal };

struct PlanarConstants {
  double reset_noise;
  VelocityNoise velocity_noise;
  int hidden_positions;     // leading positions that the observation leaves out
  bool observation_clamps;  // velocities to [-10, 10]
  RewardFunction reward;
  TerminationFunction termination;  // null: never
};

class PlanarTask final : public MujocoTask {
 public:
  PlanarTask(MujocoTaskInfo info, const PlanarConstants& constants)
      : MujocoTask(std::move(info)), constants_(constants) {}

  void AddResetNoise(Random& random, absl::Span<double> positions,
                     absl::Span<double> velocities) const override {
    AddUniformNoise(random, constants_.reset_noise, positions);
    if (constants_.velocity_noise == VelocityNoise::kNormal) {
      AddNormalNoise(random, constants_.reset_noise, velocities);
    } else {
      AddUniformNoise(random, constants_.reset_noise, velocities);
    }
  }

  MujocoOutcome Judge(const MujocoStep& step) const override {
    return {
        .reward = constants_.reward(step.transition),
        .terminated = constants_.termination != nullptr && constants_.termination(step.transition)};
  }

  int ObservationSize(const mjModel& model) const override {
    return static_cast<int>(model.nq + model.nv) - constants_.hidden_positions;
  }

  void Observe(const mjModel& model, const mjData& data,
               absl::Span<double> observation) const override {
    const int hidden = constants_.hidden_positions;
    ObservationWriter writer(observation);
    writer.Add(data.qpos + hidden, static_cast<int>(model.nq) - hidden);
    if (constants_.observation_clamps) {
      writer.AddClamped(data.qvel, static_cast<int>(model.nv), -10.0, 10.0);
    } else {
      writer.Add(data.qvel, static_cast<int>(model.nv));
    }
  }

 private:
  const PlanarConstants constants_;
};

}  // namespace

std::vector<std::unique_ptr<MujocoTask>> MakePlanarTasks() {
  std::vector<std::unique_ptr<MujocoTask>> tasks;
  tasks.push_back(std::make_unique<PlanarTask>(
      MujocoTaskInfo{.name = "hopper_v5",
                     .mjcf_file = "hopper.xml",
                     .frame_skip = 4,
                     .observation_from_state = true,
                     .ignored_positions = {0},
                     .reward = "hopper_v5",
                     .termination = "hopper_v5"},
      PlanarConstants{5e-3, VelocityNoise::kUniform, 1, true, HopperReward, HopperTermination}));
  tasks.push_back(
      std::make_unique<PlanarTask>(MujocoTaskInfo{.name = "walker2d_v5",
                                                  .mjcf_file = "walker2d_v5.xml",
                                                  .frame_skip = 4,
                                                  .observation_from_state = true,
                                                  .ignored_positions = {0},
                                                  .reward = "walker2d_v5",
                                                  .termination = "walker2d_v5"},
                                   PlanarConstants{5e-3, VelocityNoise::kUniform, 1, true,
                                                   Walker2dReward, Walker2dTermination}));
  tasks.push_back(std::make_unique<PlanarTask>(
      MujocoTaskInfo{.name = "half_cheetah_v5",
                     .mjcf_file = "half_cheetah.xml",
                     .frame_skip = 5,
                     .observation_from_state = true,
                     .ignored_positions = {0},
                     .reward = "half_cheetah_v5"},
      PlanarConstants{0.1, VelocityNoise::kNormal, 1, false, HalfCheetahReward, nullptr}));
  tasks.push_back(std::make_unique<PlanarTask>(
      MujocoTaskInfo{.name = "swimmer_v5",
                     .mjcf_file = "swimmer.xml",
                     .frame_skip = 4,
                     .observation_from_state = true,
                     .ignored_positions = {0, 1},
                     .reward = "swimmer_v5"},
      PlanarConstants{0.1, VelocityNoise::kUniform, 2, false, SwimmerReward, nullptr}));
  return tasks;
}

}  // namespace rollout
