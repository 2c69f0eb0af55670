// One picture of each system in motion.
#ifndef ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_
#define ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "systems/mechanics/equations_of_motion.h"
#include "systems/system.h"

namespace rollout {

// An SVG of an episode from DrawState with `seed`: the paths of points in a plane, or coordinates
// over time, and beside it the change of the energy relative to its size, with drag the energy.
std::string DrawSystem(const EquationsOfMotion& mechanics, uint64_t seed);

// An SVG of an episode from Reset with `seed`: up to eight positions over time and the random
// controls that drive them, uniform within their bounds, until the task ends it, for 200 steps at
// most.
std::string DrawDrivenSystem(System& system, uint64_t seed);

// Writes a picture of one mechanical system of each family and of every MuJoCo task, and systems.md
// that shows them, into `folder`. Errors of the file system, and of MakeSystem.
absl::Status WriteSystemPictures(const std::string& folder);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_
