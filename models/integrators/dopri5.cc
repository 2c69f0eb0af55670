#include "models/integrators/dopri5.h"

#include <ATen/ops/full_like.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <array>

namespace rollout {
namespace {

constexpr int kStages = 7;
// Row s: weights of k₁ … k_s in the point at which k_(s+1) is taken. The last row is z₁.
constexpr std::array<std::array<double, 6>, 6> kWeights{{
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0.0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
}};
// z₁ of order 5 minus that of order 4.
constexpr std::array<double, kStages> kErrorWeights{
    71.0 / 57600, 0.0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525.0, -1.0 / 40};

// Σ weight_i k_i over the first `count` stages.
CarriedState Combine(const std::array<Rates, kStages>& k, const double* weights, int count) {
  CarriedState sum{k[0].position.mul(weights[0]), k[0].momentum.mul(weights[0])};
  for (int i = 1; i < count; ++i) {
    if (weights[i] == 0.0) continue;
    sum.position.add_(k[i].position, weights[i]);
    sum.momentum.add_(k[i].momentum, weights[i]);
  }
  return sum;
}

// z + h · rates with a step for each lane.
CarriedState AdvanceLanes(const CarriedState& z, const at::Tensor& h, const CarriedState& rates) {
  return {z.position.addcmul(h, rates.position), z.momentum.addcmul(h, rates.momentum)};
}

CarriedState LargerMagnitudes(const CarriedState& a, const CarriedState& b) {
  return {at::maximum(a.position.abs(), b.position.abs()),
          at::maximum(a.momentum.abs(), b.momentum.abs())};
}

}  // namespace

CarriedState Dopri5::Transition(const Dynamics& dynamics, const CarriedState& start,
                                const HeldControl& control) const {
  CarriedState z = start;
  std::array<Rates, kStages> k;
  k[0] = dynamics.Derivative(z, control);
  // One number per lane: time done, step to try, whether the transition is still under way.
  at::Tensor time = at::zeros_like(z.position.narrow(-1, 0, 1));
  at::Tensor step = at::full_like(time, first_step_);
  at::Tensor active = FiniteLanes(z).logical_and(FiniteLanes({k[0].position, k[0].momentum}));
  const at::Tensor lost = active.logical_not();
  for (int trial = 0; trial < kMaxTrials && active.any().item<bool>(); ++trial) {
    const at::Tensor left = time.neg().add(transition_dt_);
    const at::Tensor reaches_end = step.ge(left);
    const at::Tensor h = at::minimum(step, left);
    CarriedState next;
    for (int stage = 1; stage < kStages; ++stage) {
      next = AdvanceLanes(z, h, Combine(k, kWeights[stage - 1].data(), stage));
      k[stage] = dynamics.Derivative(next, control);
    }
    CarriedState error = Combine(k, kErrorWeights.data(), kStages);
    error = {error.position.mul_(h), error.momentum.mul_(h)};
    // To autograd the steps are constants: a derivative through their choice would say how the
    // error changes, which is below the tolerance, and is not finite where the error is 0.
    const at::Tensor ratio = ErrorRatio(error, LargerMagnitudes(z, next), tolerance_).detach();

    const at::Tensor accepted = active.logical_and(ratio.le(1.0));
    z = Choose(accepted, next, z);
    const CarriedState rate =
        Choose(accepted, {k[6].position, k[6].momentum}, {k[0].position, k[0].momentum});
    k[0] = {rate.position, rate.momentum};
    time = at::where(accepted, time.add(h), time);
    active = active.logical_and(accepted.logical_and(reaches_end).logical_not());
    // A trial that ran into non-finite numbers has a NaN for a ratio: try much less.
    step = h.mul(ratio.pow(-0.2).mul_(0.9).clamp_(0.2, 10.0).nan_to_num_(0.2));
  }
  z = MakeNaN(z, active.logical_or(lost));
  z.memory = control.memory;
  return z;
}

}  // namespace rollout
