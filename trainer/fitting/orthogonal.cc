#include "trainer/fitting/orthogonal.h"

#include <algorithm>
#include <cmath>

namespace rollout {

std::vector<float> OrthogonalMatrix(int64_t rows, int64_t columns, double gain, Random& random) {
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<double> basis(count * length);
  for (int64_t i = 0; i < count; ++i) {
    double* vector = &basis[i * length];
    for (int64_t k = 0; k < length; ++k) vector[k] = random.Normal();
    // Twice: once is not orthogonal to rounding.
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t j = 0; j < i; ++j) {
        const double* other = &basis[j * length];
        double dot = 0.0;
        for (int64_t k = 0; k < length; ++k) dot += vector[k] * other[k];
        for (int64_t k = 0; k < length; ++k) vector[k] -= dot * other[k];
      }
      double norm = 0.0;
      for (int64_t k = 0; k < length; ++k) norm += vector[k] * vector[k];
      norm = std::sqrt(norm);
      for (int64_t k = 0; k < length; ++k) vector[k] /= norm;
    }
  }
  std::vector<float> result(rows * columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const double value =
          rows <= columns ? basis[row * length + column] : basis[column * length + row];
      result[row * columns + column] = static_cast<float>(gain * value);
    }
  }
  return result;
}

}  // namespace rollout
