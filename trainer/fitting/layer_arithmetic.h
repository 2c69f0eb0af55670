// Products and sums of layers in float32, as training takes them, and in float64, as tests hold
// them against autograd.
#ifndef ROLLOUT_TRAINER_FITTING_LAYER_ARITHMETIC_H_
#define ROLLOUT_TRAINER_FITTING_LAYER_ARITHMETIC_H_

#include <algorithm>
#include <cstdint>

#include "trainer/arithmetic/elementwise.h"
#include "trainer/arithmetic/matrix_product.h"
#include "trainer/fitting/tanh_layer.h"

namespace rollout {

// A matrix in row-major memory, without gaps between its rows of `columns` numbers; `transposed`
// means that the product takes its transpose.
template <typename Real>
struct Operand {
  const Real* data;
  int columns;
  bool transposed = false;
};

// A right operand that is multiplied with often. One owner; what it was made of outlives it.
template <typename Real>
class Packed;

template <>
class Packed<float> {
 public:
  void Pack(int inner, int columns, Operand<float> b) {
    packed_.Pack(inner, columns, {b.data, b.columns, b.transposed});
  }
  const PackedOperand& operand() const { return packed_; }

 private:
  PackedOperand packed_;
};

template <>
class Packed<double> {
 public:
  void Pack(int inner, int columns, Operand<double> b) {
    inner_ = inner;
    columns_ = columns;
    operand_ = b;
  }
  int inner() const { return inner_; }
  int columns() const { return columns_; }
  const Operand<double>& operand() const { return operand_; }

 private:
  Operand<double> operand_ = {};
  int inner_ = 0, columns_ = 0;
};

// c [rows, columns] = a [rows, inner] b [inner, columns]; MultiplyAdd: c += a b. One owner, one
// thread.
template <typename Real>
class Multiplier;

template <>
class Multiplier<float> {
 public:
  void MultiplyAdd(int64_t rows, int columns, int64_t inner, Operand<float> a, Operand<float> b,
                   float* c) {
    multiplier_.Multiply(static_cast<int>(rows), columns, static_cast<int>(inner),
                         {a.data, a.columns, a.transposed}, {b.data, b.columns, b.transposed}, c,
                         columns, MatrixMultiplier::Into::kSum);
  }
  void Multiply(int64_t rows, Operand<float> a, const Packed<float>& b, float* c) {
    multiplier_.Multiply(static_cast<int>(rows), {a.data, a.columns, a.transposed}, b.operand(), c,
                         b.operand().columns());
  }

 private:
  MatrixMultiplier multiplier_;
};

// Plain sums.
template <>
class Multiplier<double> {
 public:
  void MultiplyAdd(int64_t rows, int columns, int64_t inner, Operand<double> a, Operand<double> b,
                   double* c) {
    const auto at = [](const Operand<double>& m, int64_t row, int64_t column) {
      return m.transposed ? m.data[column * m.columns + row] : m.data[row * m.columns + column];
    };
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t k = 0; k < inner; ++k) {
        const double factor = at(a, row, k);
        for (int column = 0; column < columns; ++column) {
          c[row * columns + column] += factor * at(b, k, column);
        }
      }
    }
  }
  void Multiply(int64_t rows, Operand<double> a, const Packed<double>& b, double* c) {
    std::fill_n(c, rows * b.columns(), 0.0);
    MultiplyAdd(rows, b.columns(), b.inner(), a, b.operand(), c);
  }
};

// As the functions of the same names on float32 (trainer/arithmetic/elementwise.h).
inline void AddBias(int rows, int columns, const double* bias, double* matrix) {
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) matrix[i] += bias[i];
  }
}
inline void SumRows(int rows, int columns, const double* matrix, double* sums) {
  std::fill_n(sums, columns, 0.0);
  for (int row = 0; row < rows; ++row, matrix += columns) {
    for (int i = 0; i < columns; ++i) sums[i] += matrix[i];
  }
}

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_LAYER_ARITHMETIC_H_
