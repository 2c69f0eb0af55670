// softplus(x) = log(1 + e^x) for activations and the diagonal of the mass.
#ifndef ROLLOUT_MODELS_DYNAMICS_SOFTPLUS_H_
#define ROLLOUT_MODELS_DYNAMICS_SOFTPLUS_H_

#include <ATen/core/Tensor.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/softplus_backward.h>

namespace rollout {

// From here on softplus(x) = x to the last bit of a float64. (LibTorch's default of 20 is off by
// 2e-9 there.)
inline constexpr double kSoftplusIsIdentityAbove = 40.0;

inline at::Tensor Softplus(const at::Tensor& x) {
  return at::softplus(x, 1, kSoftplusIsIdentityAbove);
}

// cotangent ⊙ softplus'(x).
inline at::Tensor SoftplusBackward(const at::Tensor& cotangent, const at::Tensor& x) {
  return at::softplus_backward(cotangent, x, 1, kSoftplusIsIdentityAbove);
}

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_SOFTPLUS_H_
