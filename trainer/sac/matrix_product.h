// The matrix products of the SAC learner.
#ifndef ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_
#define ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_

namespace rollout {

// A matrix in row-major memory whose rows lie `stride` numbers apart; `transposed` means that the
// product takes its transpose.
struct MatrixOperand {
  const float* data;
  int stride;
  bool transposed = false;
};

// c [rows, columns] = a [rows, inner] * b [inner, columns], shapes as the product sees them after
// transposition. On the calling thread with LibTorch's matrix library; `c` overlaps neither
// operand. The same inputs give the same bits on one machine.
void MultiplyMatrices(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b, float* c,
                      int c_stride);

// Keeps LibTorch on the calling thread: two threads on products this small are slower than one.
// For the whole process; call once before learning.
void UseOneThreadForMatrixProducts();

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_
