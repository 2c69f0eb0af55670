// Functions of one number, in float or double, of the scalar reference.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_FUNCTIONS_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_FUNCTIONS_H_

#include <algorithm>
#include <cmath>

#include "models/transition_model.h"

namespace rollout::fused {

template <typename Real>
Real Sigmoid(Real x) {
  return Real(1) / (Real(1) + std::exp(-x));
}

// log(1 + e^x) without overflow.
template <typename Real>
Real Softplus(Real x) {
  return std::max(x, Real(0)) + std::log1p(std::exp(-std::abs(x)));
}

// a . b, in eight partial sums, which the compiler makes vectors of.
template <typename Real>
Real Dot(const float* a, const Real* b, int count) {
  constexpr int kSums = 8;
  Real sums[kSums] = {};
  int k = 0;
  for (; k + kSums <= count; k += kSums) {
    for (int i = 0; i < kSums; ++i) sums[i] += Real(a[k + i]) * b[k + i];
  }
  for (; k < count; ++k) sums[0] += Real(a[k]) * b[k];
  Real total = 0;
  for (Real sum : sums) total += sum;
  return total;
}

template <typename Real>
Real Activate(Activation activation, Real x) {
  switch (activation) {
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kRelu:
      return x < Real(0) ? Real(0) : x;  // passes NaN on
    case Activation::kSilu:
      return x * Sigmoid(x);
    case Activation::kSoftplus:
      return x > Real(0) || x <= Real(0) ? Softplus(x) : x;  // std::max would hide a NaN
  }
  return x;
}

template <typename Real>
Real ActivationSlope(Activation activation, Real x) {
  switch (activation) {
    case Activation::kTanh: {
      const Real y = std::tanh(x);
      return Real(1) - y * y;
    }
    case Activation::kRelu:
      return x > Real(0) ? Real(1) : Real(0);
    case Activation::kSilu: {
      const Real s = Sigmoid(x);
      return s * (Real(1) + x * (Real(1) - s));
    }
    case Activation::kSoftplus:
      return Sigmoid(x);
  }
  return Real(1);
}

// The derivative of ActivationSlope.
template <typename Real>
Real ActivationCurvature(Activation activation, Real x) {
  switch (activation) {
    case Activation::kTanh: {
      const Real y = std::tanh(x);
      return Real(-2) * y * (Real(1) - y * y);
    }
    case Activation::kRelu:
      return Real(0);
    case Activation::kSilu: {
      const Real s = Sigmoid(x);
      return s * (Real(1) - s) * (Real(2) + x * (Real(1) - Real(2) * s));
    }
    case Activation::kSoftplus: {
      const Real s = Sigmoid(x);
      return s * (Real(1) - s);
    }
  }
  return Real(0);
}

// Index of L[i][j] in a lower triangle stored row by row.
inline int Triangle(int i, int j) { return i * (i + 1) / 2 + j; }

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_FUNCTIONS_H_
