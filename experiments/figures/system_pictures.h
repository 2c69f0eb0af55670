// One picture of each mechanical system in motion.
#ifndef ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_
#define ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// An SVG of an episode from DrawState with `seed`: the paths of points in a plane, or coordinates
// over time, and beside it the change of the energy relative to its size, with drag the energy.
std::string DrawSystem(const EquationsOfMotion& mechanics, uint64_t seed);

// Writes a picture of one system of each family, and systems.md that shows them, into `folder`.
absl::Status WriteSystemPictures(const std::string& folder);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_FIGURES_SYSTEM_PICTURES_H_
