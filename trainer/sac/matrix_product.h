// The matrix products of the SAC learner.
#ifndef ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_
#define ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_

#include <cstddef>

#include "hwy/aligned_allocator.h"

namespace rollout {

// A matrix in row-major memory whose rows lie `stride` numbers apart; `transposed` means that the
// product takes its transpose.
struct MatrixOperand {
  const float* data;
  int stride;
  bool transposed = false;
};

// Multiplies matrices that fit into the second-level cache, on the calling thread, in float32 with
// the widest vectors the processor has. The right operand is packed into panels of two vectors'
// width that stay in the first-level cache while tiles of the product are held in registers (Goto
// and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"). Each element is one
// sum in the order of the inner index, so that its bits depend on neither shape nor position.
//
// Holds the memory for packing, which grows to the largest product seen. Owned and used by one
// thread.
class MatrixMultiplier {
 public:
  // c [rows, columns] = a [rows, inner] * b [inner, columns], shapes as the product sees them after
  // transposition; all three are at least 1. `c` overlaps neither operand.
  void Multiply(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b, float* c,
                int c_stride);

 private:
  // Aligned memory that keeps its size until more is asked for.
  struct Workspace {
    float* AtLeast(size_t count);
    hwy::AlignedFreeUniquePtr<float[]> memory;
    size_t size = 0;
  };

  Workspace packed_a_;
  Workspace packed_b_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_MATRIX_PRODUCT_H_
