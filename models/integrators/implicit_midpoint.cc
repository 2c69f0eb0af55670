#include "models/integrators/implicit_midpoint.h"

namespace rollout {
namespace {

at::Tensor Mean(const at::Tensor& a, const at::Tensor& b) { return a.add(b).mul_(0.5); }

CarriedState Difference(const CarriedState& a, const CarriedState& b) {
  return {a.position.sub(b.position), a.momentum.sub(b.momentum)};
}

}  // namespace

CarriedState ImplicitMidpoint::Step(const Dynamics& dynamics, const CarriedState& state,
                                    const HeldControl& control, double h) const {
  CarriedState next = Advance(state, dynamics.Derivative(state, control), h);
  at::Tensor unsolved = FiniteLanes(next);
  const at::Tensor lost = unsolved.logical_not();
  for (int i = 0; i < kMaxIterations && unsolved.any().item<bool>(); ++i) {
    const CarriedState middle{Mean(state.position, next.position),
                              Mean(state.momentum, next.momentum)};
    const CarriedState better = Advance(state, dynamics.Derivative(middle, control), h);
    const at::Tensor ratio = ErrorRatio(Difference(better, next),
                                        {better.position.abs(), better.momentum.abs()}, tolerance_);
    next = Choose(unsolved, better, next);
    unsolved = unsolved.logical_and(ratio.le(1.0).logical_not());
  }
  return MakeNaN(next, unsolved.logical_or(lost));
}

}  // namespace rollout
