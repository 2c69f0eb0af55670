// How well a learned model keeps the true energy.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_ENERGY_ROLLOUTS_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_ENERGY_ROLLOUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "experiments/greydanus/greydanus_task.h"
#include "models/dynamics/dynamics.h"
#include "models/transition_model.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// The first states [rollouts, 2n] from which a task's models are judged, the same for all of them.
std::vector<double> EnergyFirstStates(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                                      uint64_t seed);

// d/dt of one state [q, p] by learned dynamics without controls, whose weights are float64.
// LibTorch's exceptions pass through; needs InferenceMode.
void ModelDerivative(const Dynamics& dynamics, absl::Span<const double> state,
                     absl::Span<double> derivative);

// How learned dynamics are solved.
inline constexpr DormandPrinceOptions kModelSolver = {
    .rtol = 1e-9, .atol = 1e-11, .max_steps = 2000};

struct EnergyError {
  // For each rollout the mean over time of (H(model's state) - H(true state))^2 with the true H;
  // NaN where the model's rollout is no longer finite.
  std::vector<double> mean_squared;
};

// Rolls `model` out from `first_states` over the task's time, solved in float64 with rtol 1e-9.
// INTERNAL where LibTorch fails.
absl::StatusOr<EnergyError> MeasureEnergyError(const EquationsOfMotion& mechanics,
                                               const GreydanusTask& task,
                                               const TransitionModel& model,
                                               const std::vector<double>& first_states);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_ENERGY_ROLLOUTS_H_
