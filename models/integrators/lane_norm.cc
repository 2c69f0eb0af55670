#include "models/integrators/lane_norm.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/where.h>

#include <limits>

namespace rollout {
namespace {

at::Tensor SquaredSum(const at::Tensor& error, const at::Tensor& scale, Tolerance tolerance) {
  return error.div(scale.mul(tolerance.rtol).add(tolerance.atol)).square().sum(-1, true);
}

}  // namespace

at::Tensor ErrorRatio(const CarriedState& error, const CarriedState& scale, Tolerance tolerance) {
  const double size = 2.0 * static_cast<double>(error.position.size(-1));
  return SquaredSum(error.position, scale.position, tolerance)
      .add(SquaredSum(error.momentum, scale.momentum, tolerance))
      .div(size)
      .sqrt();
}

CarriedState Choose(const at::Tensor& lanes, const CarriedState& yes, const CarriedState& no) {
  return {at::where(lanes, yes.position, no.position), at::where(lanes, yes.momentum, no.momentum)};
}

CarriedState MakeNaN(const CarriedState& state, const at::Tensor& lanes) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  return {state.position.masked_fill(lanes, kNaN), state.momentum.masked_fill(lanes, kNaN)};
}

at::Tensor FiniteLanes(const CarriedState& state) {
  return at::isfinite(state.position)
      .all(-1, true)
      .logical_and(at::isfinite(state.momentum).all(-1, true));
}

}  // namespace rollout
