#include "models/rewards/reward.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/rewards/pendulums.h"
#include "models/rewards/planar_walkers.h"

namespace rollout {
namespace {

bool Never(const TransitionView&) { return false; }

struct NamedTask {
  const char* name;
  int num_positions;
  int num_controls;
  RewardFunction reward;
  RewardGradientFunction gradient;
  TerminationFunction termination;
};

constexpr NamedTask kTasks[] = {
    {"half_cheetah_v5", 9, 6, HalfCheetahReward, AddHalfCheetahGradient, Never},
    {"hopper_v5", 6, 3, HopperReward, AddHopperGradient, HopperTermination},
    {"inverted_double_pendulum_v5", 3, 1, InvertedDoublePendulumReward,
     AddInvertedDoublePendulumGradient, InvertedDoublePendulumTermination},
    {"inverted_pendulum_v5", 2, 1, InvertedPendulumReward, AddInvertedPendulumGradient,
     InvertedPendulumTermination},
    {"reacher_v5", 4, 2, ReacherReward, AddReacherGradient, Never},
    {"swimmer_v5", 5, 2, SwimmerReward, AddSwimmerGradient, Never},
    {"walker2d_v5", 9, 6, Walker2dReward, AddWalker2dGradient, Walker2dTermination},
};

std::vector<std::string> TaskNames() {
  std::vector<std::string> names;
  for (const NamedTask& task : kTasks) names.push_back(task.name);
  return names;
}

// `what` is "reward" or "termination".
absl::StatusOr<const NamedTask*> FindTask(const char* what, const std::string& name,
                                          int num_positions, int num_controls) {
  for (const NamedTask& task : kTasks) {
    if (name != task.name) continue;
    if (task.num_positions != num_positions || task.num_controls != num_controls) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " \"", name, "\" needs ", task.num_positions, " positions and ", task.num_controls,
          " controls, the model has ", num_positions, " and ", num_controls));
    }
    return &task;
  }
  return absl::NotFoundError(absl::StrCat("unknown ", what, " \"", name,
                                          "\"; there are: ", absl::StrJoin(TaskNames(), ", ")));
}

}  // namespace

absl::StatusOr<RewardFunction> FindReward(const std::string& name, int num_positions,
                                          int num_controls) {
  absl::StatusOr<const NamedTask*> task = FindTask("reward", name, num_positions, num_controls);
  if (!task.ok()) return task.status();
  return (*task)->reward;
}

absl::StatusOr<RewardGradientFunction> FindRewardGradient(const std::string& name,
                                                          int num_positions, int num_controls) {
  absl::StatusOr<const NamedTask*> task = FindTask("reward", name, num_positions, num_controls);
  if (!task.ok()) return task.status();
  return (*task)->gradient;
}

absl::StatusOr<TerminationFunction> FindTermination(const std::string& name, int num_positions,
                                                    int num_controls) {
  absl::StatusOr<const NamedTask*> task =
      FindTask("termination", name, num_positions, num_controls);
  if (!task.ok()) return task.status();
  return (*task)->termination;
}

std::vector<std::string> RewardNames() { return TaskNames(); }

std::vector<std::string> TerminationNames() { return TaskNames(); }

}  // namespace rollout
