#ifndef ROLLOUT_SYSTEMS_MECHANICS_MECHANICS_INFO_H_
#define ROLLOUT_SYSTEMS_MECHANICS_MECHANICS_INFO_H_

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "systems/system.h"

namespace rollout {

// The info of a mechanical system without controls: coordinates by name, sampled every `dt` over
// `duration` seconds.
inline SystemInfo DescribeMechanics(std::string name, const std::vector<std::string>& coordinates,
                                    double dt, double duration, const char* velocity_prefix = "d") {
  SystemInfo info;
  info.name = std::move(name);
  info.num_positions = info.num_velocities = static_cast<int>(coordinates.size());
  info.observation_size = 2 * info.num_positions;
  info.observation_from_state = true;
  info.dt = dt;
  info.max_episode_steps = static_cast<int>(std::floor(duration / dt + 1e-9));
  info.state_names = coordinates;
  for (const std::string& coordinate : coordinates) {
    info.state_names.push_back(absl::StrCat(velocity_prefix, coordinate));
  }
  return info;
}

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_MECHANICS_INFO_H_
