// Datasets with a free joint, in the coordinates that a transition model can learn.
#ifndef ROLLOUT_TRAINER_FITTING_CHARTED_EPISODES_H_
#define ROLLOUT_TRAINER_FITTING_CHARTED_EPISODES_H_

#include <cstdint>
#include <vector>

#include "datasets/dataset.h"

namespace rollout {

// Whether the states are MuJoCo's of a free joint followed by joints of one degree of freedom: one
// position more than velocities, and the fourth to seventh form a unit quaternion.
bool HasFreeJoint(const DatasetInfo& info);

// What a charted dataset says of itself: n = nv positions, yaw angular, x and y ignored, names of
// the chart. Everything else as in `info`, whose HasFreeJoint holds.
DatasetInfo ChartedInfo(const DatasetInfo& info);

struct ChartedEpisode {
  std::vector<Episode> stretches;    // [T + 1, 2n] each, at least one step long
  int64_t left_out_transitions = 0;  // those with a state near the chart's singular pitch
};

// `episode` in the chart, cut where the orientation comes within 5 degrees of a pitch of +-90
// degrees. The stretches keep its id, so that they stay on one side of a split.
ChartedEpisode ChartEpisode(const DatasetInfo& info, const Episode& episode);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_CHARTED_EPISODES_H_
