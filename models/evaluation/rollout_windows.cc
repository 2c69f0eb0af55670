#include "models/evaluation/rollout_windows.h"

#include <algorithm>

namespace rollout {

std::vector<RolloutWindow> PlaceWindows(const std::vector<ObservedEpisode>& episodes,
                                        int64_t max_length, int64_t stride) {
  std::vector<RolloutWindow> windows;
  for (size_t episode = 0; episode < episodes.size(); ++episode) {
    const int64_t steps = episodes[episode].num_steps;
    for (int64_t start = 0; start < steps; start += stride) {
      windows.push_back(
          {static_cast<int64_t>(episode), start, std::min(max_length, steps - start)});
    }
  }
  return windows;
}

}  // namespace rollout
