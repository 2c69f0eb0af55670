#include "models/dynamics/symplecticity.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

namespace rollout {
namespace {

// `copies` of every lane, copy by copy: [.., B, k] → [.., copies B, k].
at::Tensor RepeatLanes(const at::Tensor& lanes, int64_t copies) {
  if (!lanes.defined()) return lanes;
  std::vector<int64_t> times(static_cast<size_t>(lanes.dim()), 1);
  times[times.size() - 2] = copies;
  return lanes.repeat(times);
}

at::Tensor Leaf(const at::Tensor& values) {
  return values.detach().clone().set_requires_grad(true);
}

}  // namespace

at::Tensor RateJacobian(const Dynamics& dynamics, const CarriedState& carried,
                        const HeldControl& control, Differentiable differentiable) {
  const at::AutoGradMode gradients(true);
  const bool again = differentiable == Differentiable::kYes;
  const int64_t lanes = carried.position.size(-2), size = 2 * carried.position.size(-1);
  CarriedState copies = {RepeatLanes(carried.position, size), RepeatLanes(carried.momentum, size),
                         RepeatLanes(carried.memory, size)};
  if (!again || !copies.position.requires_grad()) copies.position = Leaf(copies.position);
  if (!again || !copies.momentum.requires_grad()) copies.momentum = Leaf(copies.momentum);
  const HeldControl held = {RepeatLanes(control.first_layer, size),
                            RepeatLanes(control.memory, size)};
  const Rates rates = dynamics.Derivative(copies, held);
  // Copy i of a lane is asked for the gradient of F_i.
  const at::Tensor chosen =
      at::eye(size, carried.position.options().requires_grad(false)).repeat_interleave(lanes, 0);
  const auto found = torch::autograd::grad(
      {at::cat({rates.position, rates.momentum}, -1).mul(chosen).sum()},
      {copies.position, copies.momentum}, /*grad_outputs=*/{}, /*retain_graph=*/again,
      /*create_graph=*/again, /*allow_unused=*/true);
  const auto or_zeros = [](const at::Tensor& gradient, const at::Tensor& like) {
    return gradient.defined() ? gradient : at::zeros_like(like).detach();
  };
  const at::Tensor gradient =
      at::cat({or_zeros(found[0], copies.position), or_zeros(found[1], copies.momentum)}, -1);
  std::vector<int64_t> shape = carried.position.sizes().vec();
  shape.pop_back();
  shape.back() = size;
  shape.push_back(lanes);
  shape.push_back(size);
  return gradient.view(shape).transpose(-3, -2);
}

at::Tensor SymplecticAsymmetry(const at::Tensor& jacobian) {
  const int64_t n = jacobian.size(-1) / 2;
  // J [a; b] = [b; -a], for the rows of dq and of dp.
  const at::Tensor product =
      at::cat({jacobian.narrow(-2, n, n), jacobian.narrow(-2, 0, n).neg()}, -2);
  return product.sub(product.transpose(-1, -2)).square().mean({-3, -2, -1});
}

}  // namespace rollout
