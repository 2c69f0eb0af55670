#include "trainer/sac/matrix_product.h"

#include "ATen/Parallel.h"
#include "ATen/native/CPUBlas.h"

namespace rollout {

void MultiplyMatrices(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b, float* c,
                      int c_stride) {
  using at::native::TransposeType;
  const auto transpose = [](const MatrixOperand& matrix) {
    return matrix.transposed ? TransposeType::Transpose : TransposeType::NoTranspose;
  };
  // The library is column-major: our C is its transpose of C, and (A B)^T = B^T A^T.
  at::native::cpublas::gemm(transpose(b), transpose(a), columns, rows, inner, 1.0f, b.data,
                            b.stride, a.data, a.stride, 0.0f, c, c_stride);
}

void UseOneThreadForMatrixProducts() { at::set_num_threads(1); }

}  // namespace rollout
