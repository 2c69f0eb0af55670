// Films of the pendulum, as Greydanus et al. (2019) train their pixel model on.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_DATA_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_DATA_H_

#include <cstdint>
#include <vector>

#include "experiments/greydanus/greydanus_task.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// Films of equal length. A sample is three successive frames of one film: the pair of the first two
// and the pair of the last two.
struct Films {
  int64_t count = 0;
  int64_t length = 0;         // frames of each
  std::vector<float> frames;  // [count, length, 28 x 28]

  int64_t samples_per_film() const { return length - 2; }
  int64_t num_samples() const { return count * samples_per_film(); }
  // The first frame of a sample; the others lie behind it.
  const float* Sample(int64_t index) const;
};

struct PixelData {
  Films train, test;
};

// Films of `states` (one after another, [count, length, 2], as of the system "pixel_pendulum").
Films Film(const std::vector<double>& states, int64_t length);

// The task's trajectories as films, decided by `seed`.
PixelData MakePixelData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                        uint64_t seed);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_DATA_H_
