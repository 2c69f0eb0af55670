// How well a pixel model keeps the true energy of what it shows.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_ENERGY_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_ENERGY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "experiments/greydanus/greydanus_task.h"
#include "experiments/greydanus/pixel_fit.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// For each rollout the mean over time of (H(what the frames show) - H(true state))^2 in J^2: the
// angle is read off each frame, its rate is the central difference of the angles of the frames
// beside it.
struct PixelEnergyError {
  std::vector<double> rollout;      // frames decoded from the latent rollout
  std::vector<double> autoencoder;  // true frames, encoded and decoded: without the dynamics
  std::vector<double> reading;      // true frames as they are: what the reading itself adds
};

// Frames [points, 28 x 28], `dt` apart, beside the energy that they should show.
double FilmEnergyError(const EquationsOfMotion& mechanics, absl::Span<const float> frames,
                       double energy);

// Encodes the first two frames of the pendulum from each of `first_states` [rollouts, 2], rolls the
// latent state out over task.points frames, solved in float64 with rtol 1e-9, and decodes it.
// INTERNAL where LibTorch fails.
absl::StatusOr<PixelEnergyError> MeasurePixelEnergy(const EquationsOfMotion& mechanics,
                                                    const GreydanusTask& task, const PixelFit& fit,
                                                    const std::vector<double>& first_states);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_ENERGY_H_
