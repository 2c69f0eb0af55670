// Norms and choices per lane and member, for integrators that judge their own error.
#ifndef ROLLOUT_MODELS_INTEGRATORS_LANE_NORM_H_
#define ROLLOUT_MODELS_INTEGRATORS_LANE_NORM_H_

#include <ATen/core/Tensor.h>

#include "models/dynamics/dynamics.h"

namespace rollout {

// When an error is small enough: |error| ≤ atol + rtol |z|, in the mean over a lane's numbers.
struct Tolerance {
  double rtol;
  double atol;
};

// sqrt(mean over the 2n numbers of (error / (atol + rtol · scale))²), [.., B, 1]: at most 1 where
// the error of a lane is small enough. `scale` holds absolute values.
at::Tensor ErrorRatio(const CarriedState& error, const CarriedState& scale, Tolerance tolerance);

// `yes` in the lanes where `lanes` [.., B, 1] is true, `no` in the others, bit for bit.
CarriedState Choose(const at::Tensor& lanes, const CarriedState& yes, const CarriedState& no);

// `state` with NaN in every number of the lanes where `lanes` is true.
CarriedState MakeNaN(const CarriedState& state, const at::Tensor& lanes);

// Lanes [.., B, 1] all of whose numbers are finite.
at::Tensor FiniteLanes(const CarriedState& state);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_INTEGRATORS_LANE_NORM_H_
