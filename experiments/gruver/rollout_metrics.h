// The errors of predicted rollouts, as Gruver et al. (2022) measure them.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_ROLLOUT_METRICS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_ROLLOUT_METRICS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "models/evaluation/rollout_windows.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// Relative errors are RMS(predicted - true) / (RMS(predicted) + RMS(true)) over the numbers of a
// state, and |H(predicted) - H(true)| / (|H(predicted)| + |H(true)|) with the true H of
// (position, velocity); averages of theirs are geometric, with relative errors of at least 1e-7.
struct RolloutMetrics {
  double mse = 0.0;            // mean over rollouts, times and dimensions
  double rollout_error = 0.0;  // geometric mean over rollouts and times after the first
  double energy_error = 0.0;   // the same of the energy
  // With the first time, where the error is 0 and counts as 1e-7, as the papers' code has it.
  double rollout_error_as_coded = 0.0;
  // The same of the energy, which that code evaluates with velocities where momenta belong; nullopt
  // where the system does not know that energy.
  std::optional<double> energy_error_as_coded;
  int not_finite = 0;  // rollouts with a state that is not finite; left out of everything above
  // Geometric means over rollouts at each time after the first, and the standard deviation over
  // rollouts of the energy error's logarithm.
  std::vector<double> rollout_error_at, energy_error_at, energy_log_deviation_at;
};

// `predicted` [rollouts, T + 1, 2n] beside `truth`, all of the same length.
RolloutMetrics MeasureRollouts(const EquationsOfMotion& mechanics,
                               const std::vector<ObservedEpisode>& truth,
                               absl::Span<const float> predicted);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_ROLLOUT_METRICS_H_
