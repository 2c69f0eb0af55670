// Gradients of rollouts by LibTorch's autograd.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_ROLLOUT_GRADIENT_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_ROLLOUT_GRADIENT_H_

#include <ATen/core/Tensor.h>

#include "models/dynamics/dynamics.h"
#include "models/engines/gradient_job.h"
#include "models/engines/lane_objective.h"
#include "models/integrators/integrator.h"
#include "models/transition_model.h"

namespace rollout {

// What a gradient is computed with; everything outlives the call.
struct DifferentiableModel {
  const TransitionModelSpec& spec;
  const Dynamics& dynamics;
  const Integrator& integrator;
  const DifferentiableReward& reward;
  at::TensorOptions options;  // of the dynamics' weights, which must be no inference tensors
};

// Computes `job`, which ValidateGradientJob has passed. Of the rollout only the state after each
// transition is kept; on the way back every transition is computed once more, with autograd, so
// that memory grows with the horizon by 2n numbers a lane and not by a network's activations. Any
// kind and any integrator: adaptive steps count as constants, and an implicit method is
// differentiated through its own iterations. Throws what LibTorch throws.
void DifferentiateRollout(const GradientJob& job, const DifferentiableModel& model);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_ROLLOUT_GRADIENT_H_
