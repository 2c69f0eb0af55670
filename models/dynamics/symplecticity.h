// How far dynamics are from those of a Hamiltonian.
#ifndef ROLLOUT_MODELS_DYNAMICS_SYMPLECTICITY_H_
#define ROLLOUT_MODELS_DYNAMICS_SYMPLECTICITY_H_

#include <ATen/core/Tensor.h>

#include "models/dynamics/dynamics.h"

namespace rollout {

// Whether what comes out can be differentiated once more, with respect to weights and states.
enum class Differentiable { kNo, kYes };

// DF [E, B, 2n, 2n] (or [B, 2n, 2n]): the derivative of F = (dq/dt, dp/dt) with respect to (q, p),
// row by row of F, by one pass of autograd over 2n copies of each lane. Any kind. Not under
// InferenceMode.
at::Tensor RateJacobian(const Dynamics& dynamics, const CarriedState& carried,
                        const HeldControl& control, Differentiable differentiable);

// mean over lanes and entries of ((J DF) - (J DF)')^2 with J = [[0, I], [-I, 0]], [E] (or a single
// number): 0 exactly where F = J dH for some H.
// Gruver et al., ICLR 2022, equation (5) and appendix B.3.
at::Tensor SymplecticAsymmetry(const at::Tensor& jacobian);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_SYMPLECTICITY_H_
