#include "trainer/fitting/inverse_mass.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rollout {

template <typename Real>
void FillLower(int n, const Real* raw, Real* lower, Real* slope) {
  for (int i = 0, k = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j, ++k) lower[k] = raw[k];
    // softplus(x) = max(x, 0) + log(1 + e^-|x|) and its slope 1 / (1 + e^-x) by one exponential.
    const Real x = raw[k];
    const Real small = std::exp(-std::abs(x));
    lower[k++] = std::max(x, Real{0}) + std::log1p(small);
    slope[i] = (x >= 0 ? Real{1} : small) / (1 + small);
  }
}

template <typename Real>
void FindVelocity(int n, const Real* lower, Real epsilon, const Real* p, Real* w, Real* v) {
  std::fill_n(w, n, Real{0});
  for (int i = 0, k = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j, ++k) w[j] += lower[k] * p[i];
  }
  for (int i = 0, k = 0; i < n; ++i) {
    v[i] = epsilon * p[i];
    for (int j = 0; j <= i; ++j, ++k) v[i] += lower[k] * w[j];
  }
}

template <typename Real>
void KineticCotangent(int n, const LaneMass<Real>& mass, const Real* p, Real* raw_cotangent) {
  for (int i = 0, k = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j, ++k) raw_cotangent[k] = p[i] * mass.w[j];
    raw_cotangent[k++] = p[i] * mass.w[i] * mass.slope[i];
  }
}

template <typename Real>
void BackThroughMass(int n, const LaneMass<Real>& mass, Real epsilon, const Real* p,
                     const Real* v_cotangent, const Real* back, Real* p_cotangent,
                     Real* lower_cotangent, Real* diagonal_cotangent) {
  // w*, collected in the diagonal's place until it is known.
  Real* w_cotangent = diagonal_cotangent;
  std::fill_n(w_cotangent, n, Real{0});
  // Through v = L w + epsilon p, and through e_ij = p_i w_j times the slope.
  for (int i = 0, k = 0; i < n; ++i) {
    Real of_p = epsilon * v_cotangent[i];
    for (int j = 0; j <= i; ++j, ++k) {
      w_cotangent[j] += mass.lower[k] * v_cotangent[i];
      lower_cotangent[k] = v_cotangent[i] * mass.w[j];
      if (back == nullptr) continue;
      const Real of_entry = i == j ? back[k] * mass.slope[i] : back[k];
      of_p += of_entry * mass.w[j];
      w_cotangent[j] += of_entry * p[i];
    }
    p_cotangent[i] += of_p;
  }
  // Through w = L' p.
  for (int i = 0, k = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j, ++k) {
      lower_cotangent[k] += p[i] * w_cotangent[j];
      p_cotangent[i] += mass.lower[k] * w_cotangent[j];
    }
  }
  // Through the slope, whose own slope is slope (1 - slope).
  for (int i = 0; i < n; ++i) {
    const int k = i * (i + 3) / 2;
    diagonal_cotangent[i] = back == nullptr
                                ? Real{0}
                                : back[k] * p[i] * mass.w[i] * mass.slope[i] * (1 - mass.slope[i]);
  }
}

namespace {

// x = (L L' + epsilon I)^-1 b.
template <typename Real>
void Solve(int n, const Real* lower, Real epsilon, const Real* b, double* factor, double* x) {
  const auto row = [lower](int i) { return lower + i * (i + 1) / 2; };
  bool positive = true;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = i == j ? static_cast<double>(epsilon) : 0.0;
      for (int k = 0; k <= j; ++k) {
        sum += static_cast<double>(row(i)[k]) * static_cast<double>(row(j)[k]);
      }
      for (int k = 0; k < j; ++k) sum -= factor[i * n + k] * factor[j * n + k];
      if (i == j) {
        positive = positive && sum > 0.0;
        factor[i * n + i] = std::sqrt(sum);
      } else {
        factor[i * n + j] = sum / factor[j * n + j];
      }
    }
  }
  for (int i = 0; i < n; ++i) {
    x[i] = positive ? static_cast<double>(b[i]) : std::numeric_limits<double>::quiet_NaN();
    for (int k = 0; k < i; ++k) x[i] -= factor[i * n + k] * x[k];
    x[i] /= factor[i * n + i];
  }
  for (int i = n; i-- > 0;) {
    for (int k = i + 1; k < n; ++k) x[i] -= factor[k * n + i] * x[k];
    x[i] /= factor[i * n + i];
  }
}

}  // namespace

template <typename Real>
void SolveMomentum(int n, const Real* lower, Real epsilon, const Real* v, Real* p,
                   std::vector<double>* workspace) {
  workspace->resize(n * n + n);
  double* x = workspace->data() + n * n;
  Solve(n, lower, epsilon, v, workspace->data(), x);
  for (int i = 0; i < n; ++i) p[i] = static_cast<Real>(x[i]);
}

template <typename Real>
void BackThroughSolve(int n, const Real* lower, Real epsilon, const Real* p,
                      const Real* p_cotangent, Real* lower_cotangent,
                      std::vector<double>* workspace) {
  workspace->resize(n * n + n);
  double* y = workspace->data() + n * n;
  Solve(n, lower, epsilon, p_cotangent, workspace->data(), y);
  // L* = (Minv* + Minv*') L = -y (L' p)' - p (L' y)'.
  for (int j = 0; j < n; ++j) {
    double of_p = 0.0, of_y = 0.0;
    for (int i = j; i < n; ++i) {
      const double entry = lower[i * (i + 1) / 2 + j];
      of_p += entry * p[i];
      of_y += entry * y[i];
    }
    for (int i = j; i < n; ++i) {
      lower_cotangent[i * (i + 1) / 2 + j] -= static_cast<Real>(y[i] * of_p + p[i] * of_y);
    }
  }
}

template <typename Real>
void BackThroughLower(int n, const Real* slope, const Real* lower_cotangent,
                      const Real* diagonal_cotangent, Real* raw_cotangent) {
  for (int i = 0, k = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j, ++k) raw_cotangent[k] = lower_cotangent[k];
    raw_cotangent[k] = lower_cotangent[k] * slope[i] + diagonal_cotangent[i];
    ++k;
  }
}

#define ROLLOUT_INSTANTIATE(Real)                                                                \
  template void FillLower(int, const Real*, Real*, Real*);                                       \
  template void FindVelocity(int, const Real*, Real, const Real*, Real*, Real*);                 \
  template void KineticCotangent(int, const LaneMass<Real>&, const Real*, Real*);                \
  template void BackThroughMass(int, const LaneMass<Real>&, Real, const Real*, const Real*,      \
                                const Real*, Real*, Real*, Real*);                               \
  template void SolveMomentum(int, const Real*, Real, const Real*, Real*, std::vector<double>*); \
  template void BackThroughSolve(int, const Real*, Real, const Real*, const Real*, Real*,        \
                                 std::vector<double>*);                                          \
  template void BackThroughLower(int, const Real*, const Real*, const Real*, Real*);
ROLLOUT_INSTANTIATE(float)
ROLLOUT_INSTANTIATE(double)
#undef ROLLOUT_INSTANTIATE

}  // namespace rollout
