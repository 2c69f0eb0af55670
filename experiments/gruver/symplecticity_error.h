// How far a fitted model is from a Hamiltonian one.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_SYMPLECTICITY_ERROR_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_SYMPLECTICITY_ERROR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "models/evaluation/rollout_windows.h"
#include "models/transition_model.h"

namespace rollout {

// The mean SymplecticAsymmetry of the model's rates, in float64, at every tenth true state of
// `truth`, whose states' velocities become the model's own momenta first. (Gruver et al. take the
// training states for it.) The model has no controls. INTERNAL where LibTorch fails.
absl::StatusOr<double> SymplecticityError(const TransitionModel& model,
                                          const std::vector<ObservedEpisode>& truth);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_SYMPLECTICITY_ERROR_H_
