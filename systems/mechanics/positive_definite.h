#ifndef ROLLOUT_SYSTEMS_MECHANICS_POSITIVE_DEFINITE_H_
#define ROLLOUT_SYSTEMS_MECHANICS_POSITIVE_DEFINITE_H_

#include <cmath>

#include "absl/types/span.h"

namespace rollout {

// Solves A x = b for a symmetric positive definite A [n, n], row by row, of which only the lower
// triangle is read, by Cholesky's factorisation: A is overwritten by its factor, b [n] by x.
inline void SolvePositiveDefinite(absl::Span<double> a, absl::Span<double> b) {
  const int n = static_cast<int>(b.size());
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (int k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  }
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (int i = n - 1; i >= 0; --i) {
    for (int k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
}

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_POSITIVE_DEFINITE_H_
