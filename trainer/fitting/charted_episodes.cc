#include "trainer/fitting/charted_episodes.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "systems/free_joint_chart.h"

namespace rollout {
namespace {

constexpr int kFreeJointVelocities = 6;

// Whether a body stepped over the singular pitch between two charted states: yaw and roll turn by
// half a turn there, however far from it both states are.
bool CrossesSingularPitch(const std::vector<double>& before, const std::vector<double>& after) {
  constexpr size_t kYaw = 3, kRoll = 5;
  constexpr double kQuarter = std::numbers::pi / 2;
  return std::abs(after[kYaw] - before[kYaw]) > kQuarter &&
         std::abs(after[kRoll] - before[kRoll]) > kQuarter;
}

int NumJoints(const DatasetInfo& info) { return info.num_velocities - kFreeJointVelocities; }

// Appends to a stretch of charted states what the episode holds of the step that led to the last.
void AppendStep(const DatasetInfo& info, const Episode& episode, int64_t step, Episode* stretch) {
  const auto action = episode.actions.begin() + step * info.num_controls;
  stretch->actions.insert(stretch->actions.end(), action, action + info.num_controls);
  stretch->rewards.push_back(episode.rewards[step]);
  stretch->terminations.push_back(episode.terminations[step]);
  stretch->truncations.push_back(episode.truncations[step]);
}

Episode EmptyStretch(const Episode& episode) {
  Episode stretch;
  stretch.id = episode.id;
  stretch.seed = episode.seed;
  stretch.policy = episode.policy;
  return stretch;
}

}  // namespace

bool HasFreeJoint(const DatasetInfo& info) {
  return info.num_positions == info.num_velocities + 1 &&
         info.num_velocities >= kFreeJointVelocities;
}

DatasetInfo ChartedInfo(const DatasetInfo& info) {
  DatasetInfo charted = info;
  const int joints = NumJoints(info);
  charted.num_positions = charted.num_velocities = kFreeJointVelocities + joints;
  charted.ignored_positions = {0, 1};
  charted.angular_positions = {3};
  charted.state_names = {"x", "y", "z", "yaw", "pitch", "roll"};
  for (int i = 0; i < joints; ++i) {
    const size_t raw = static_cast<size_t>(i) + 7;
    charted.state_names.push_back(raw < info.state_names.size() ? info.state_names[raw]
                                                                : absl::StrCat("joint_", i));
  }
  for (int i = 0; i < charted.num_velocities; ++i) {
    charted.state_names.push_back(absl::StrCat("d", charted.state_names[i]));
  }
  return charted;
}

ChartedEpisode ChartEpisode(const DatasetInfo& info, const Episode& episode) {
  const FreeJointChart chart(NumJoints(info));
  const int64_t size = 2 * chart.num_positions();
  ChartedEpisode charted;
  Episode stretch = EmptyStretch(episode);
  std::vector<double> state(size), previous;
  int64_t kept = 0;
  const auto finish = [&] {
    kept += stretch.num_steps();
    if (stretch.num_steps() > 0) charted.stretches.push_back(std::move(stretch));
    stretch = EmptyStretch(episode);
  };
  for (int64_t t = 0; t <= episode.num_steps(); ++t) {
    chart.ToChart(
        absl::MakeConstSpan(episode.states).subspan(t * chart.raw_size(), chart.raw_size()),
        previous, absl::MakeSpan(state));
    if (!stretch.states.empty() && CrossesSingularPitch(previous, state)) finish();
    previous = state;
    if (chart.NearSingular(state)) {
      finish();
      continue;
    }
    if (!stretch.states.empty()) AppendStep(info, episode, t - 1, &stretch);
    stretch.states.insert(stretch.states.end(), state.begin(), state.end());
  }
  finish();
  charted.left_out_transitions = episode.num_steps() - kept;
  return charted;
}

}  // namespace rollout
