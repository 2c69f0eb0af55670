#include "trainer/sac/matrix_product.h"

#include "ATen/Parallel.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/mm.h"

namespace rollout {
namespace {

// The [rows, columns] matrix that a product sees, over memory that stays the caller's.
at::Tensor View(const float* data, int rows, int columns, int row_stride, int column_stride) {
  return at::from_blob(const_cast<float*>(data), {rows, columns}, {row_stride, column_stride},
                       at::TensorOptions(at::kFloat));
}

at::Tensor View(const MatrixOperand& operand, int rows, int columns) {
  return operand.transposed ? View(operand.data, rows, columns, 1, operand.stride)
                            : View(operand.data, rows, columns, operand.stride, 1);
}

}  // namespace

void MultiplyMatrices(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b, float* c,
                      int c_stride) {
  at::Tensor product = View(c, rows, columns, c_stride, 1);
  at::mm_out(product, View(a, rows, inner), View(b, inner, columns));
}

void UseOneThreadForMatrixProducts() { at::set_num_threads(1); }

}  // namespace rollout
