// The matrix products of training: SAC's learner and fits.
#ifndef ROLLOUT_TRAINER_ARITHMETIC_MATRIX_PRODUCT_H_
#define ROLLOUT_TRAINER_ARITHMETIC_MATRIX_PRODUCT_H_

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

// Aligned memory that keeps its size until more is asked for.
class AlignedFloats {
 public:
  // What was there before is lost where it grows.
  float* AtLeast(size_t count);
  const float* data() const { return memory_.get(); }

 private:
  hwy::AlignedFreeUniquePtr<float[]> memory_;
  size_t size_ = 0;
};

// A right operand in the order in which products read it: packed once, multiplied with often. One
// owner.
class PackedOperand {
 public:
  // Copies b [inner, columns] (shapes after transposition).
  void Pack(int inner, int columns, MatrixOperand b);

  int inner() const { return inner_; }
  int columns() const { return columns_; }

 private:
  friend class MatrixMultiplier;

  AlignedFloats panels_;
  int inner_ = 0, columns_ = 0;
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
  enum class Into { kPlace, kSum };  // c = a b, or c += a b

  // c [rows, columns] = a [rows, inner] * b [inner, columns], shapes as the product sees them after
  // transposition; all three are at least 1. `c` overlaps neither operand.
  void Multiply(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b, float* c,
                int c_stride, Into into = Into::kPlace);
  // The same with b packed before: the same bits.
  void Multiply(int rows, MatrixOperand a, const PackedOperand& b, float* c, int c_stride);

 private:
  // `a` as tiles read it.
  struct Left {
    const float* data;
    size_t row_stride, inner_stride;
    bool packed;
  };
  Left TakeLeft(int rows, int inner, MatrixOperand a);

  AlignedFloats packed_a_;
  AlignedFloats packed_b_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_ARITHMETIC_MATRIX_PRODUCT_H_
