#include "models/integrators/rk4.h"

namespace rollout {

CarriedState RungeKutta4::Step(const Dynamics& dynamics, const CarriedState& state,
                               const HeldControl& control, double h) const {
  const Rates k1 = dynamics.Derivative(state, control);
  const Rates k2 = dynamics.Derivative(Advance(state, k1, h / 2), control);
  const Rates k3 = dynamics.Derivative(Advance(state, k2, h / 2), control);
  const Rates k4 = dynamics.Derivative(Advance(state, k3, h), control);
  const auto sum = [h](const at::Tensor& z, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& c, const at::Tensor& d) {
    return z.add(a.add(b, 2).add_(c, 2).add_(d), h / 6);
  };
  return {sum(state.position, k1.position, k2.position, k3.position, k4.position),
          sum(state.momentum, k1.momentum, k2.momentum, k3.momentum, k4.momentum)};
}

}  // namespace rollout
