// Chunks and rollouts of mechanical systems, as Gruver et al. (2022) train and test on.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_DATA_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_DATA_H_

#include <cstdint>
#include <vector>

#include "models/evaluation/rollout_windows.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

inline constexpr int kChunkStates = 5;
inline constexpr int kTrainChunks = 800;
inline constexpr int kTestRollouts = 200;
inline constexpr int kTestStates = 100;

// `count` stretches of `states` states, each a random one of the stretches without overlap of a
// trajectory of its own; trajectory i is drawn from DeriveSeed(seed, i). Angles of a stretch begin
// within +-pi and are continuous from there (the papers' code unwraps across trajectories, which
// adds whole turns to later ones).
std::vector<ObservedEpisode> MakeStretches(const EquationsOfMotion& mechanics, int count,
                                           int states, uint64_t seed);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_DATA_H_
