// The layouts of lanes: states [E, B, 2n] at the edge of the room; positions and velocities or
// momenta apart inside, as [E, B, n], or [B, n] when E = 1.
#ifndef ROLLOUT_MODELS_DYNAMICS_LANES_H_
#define ROLLOUT_MODELS_DYNAMICS_LANES_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include "models/dynamics/dynamics.h"

namespace rollout {

inline at::Tensor ToLanes(const at::Tensor& members_first) {
  return members_first.size(0) == 1 ? members_first.squeeze(0) : members_first;
}

inline at::Tensor ToMembersFirst(const at::Tensor& lanes) {
  return lanes.dim() == 2 ? lanes.unsqueeze(0) : lanes;
}

// [E, B, 2n] → its halves.
inline CarriedState SplitState(const at::Tensor& state) {
  const at::Tensor lanes = ToLanes(state);
  const int64_t n = lanes.size(-1) / 2;
  return {lanes.narrow(-1, 0, n), lanes.narrow(-1, n, n)};
}

inline at::Tensor JoinState(const at::Tensor& position, const at::Tensor& velocity) {
  return ToMembersFirst(at::cat({position, velocity}, -1));
}

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_LANES_H_
