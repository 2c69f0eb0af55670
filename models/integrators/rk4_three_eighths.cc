#include "models/integrators/rk4_three_eighths.h"

namespace rollout {

CarriedState RungeKutta4ThreeEighths::Step(const Dynamics& dynamics, const CarriedState& state,
                                           const HeldControl& control, double h) const {
  const Rates k1 = dynamics.Derivative(state, control);
  const Rates k2 = dynamics.Derivative(Advance(state, k1, h / 3), control);
  const auto third = [h](const at::Tensor& z, const at::Tensor& a, const at::Tensor& b) {
    return z.add(b.sub(a, 1.0 / 3), h);
  };
  const CarriedState z3{third(state.position, k1.position, k2.position),
                        third(state.momentum, k1.momentum, k2.momentum)};
  const Rates k3 = dynamics.Derivative(z3, control);
  const auto fourth = [h](const at::Tensor& z, const at::Tensor& a, const at::Tensor& b,
                          const at::Tensor& c) { return z.add(a.sub(b).add_(c), h); };
  const CarriedState z4{fourth(state.position, k1.position, k2.position, k3.position),
                        fourth(state.momentum, k1.momentum, k2.momentum, k3.momentum)};
  const Rates k4 = dynamics.Derivative(z4, control);
  const auto sum = [h](const at::Tensor& z, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& c, const at::Tensor& d) {
    return z.add(a.add(b, 3).add_(c, 3).add_(d), h / 8);
  };
  return {sum(state.position, k1.position, k2.position, k3.position, k4.position),
          sum(state.momentum, k1.momentum, k2.momentum, k3.momentum, k4.momentum)};
}

}  // namespace rollout
