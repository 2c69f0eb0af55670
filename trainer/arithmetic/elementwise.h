// What learners do to each number between their matrix products. Loops over contiguous
// memory with the widest vectors the processor has; every function runs on the calling thread and
// allocates nothing.
#ifndef ROLLOUT_TRAINER_ARITHMETIC_ELEMENTWISE_H_
#define ROLLOUT_TRAINER_ARITHMETIC_ELEMENTWISE_H_

#include <cstddef>
#include <cstdint>

namespace rollout {

// matrix [rows, columns] = max(0, matrix + bias [columns])
void AddBiasAndRectify(int rows, int columns, const float* bias, float* matrix);

// matrix [rows, columns] += bias [columns]
void AddBias(int rows, int columns, const float* bias, float* matrix);

// gradient[i] = 0 where the rectified activation[i] is not positive.
void BackThroughRectifier(size_t count, const float* activation, float* gradient);

// sums [columns] = the sum over the rows of matrix [rows, columns].
void SumRows(int rows, int columns, const float* matrix, float* sums);

// target += rate * (source - target)
void MoveTowards(size_t count, float rate, const float* source, float* target);

// One step of Adam (Kingma and Ba 2015, algorithm 1) with PyTorch's defaults beta1 = 0.9, beta2 =
// 0.999, epsilon = 1e-8. `step` counts from 1.
void AdamStep(size_t count, float learning_rate, int64_t step, const float* gradient, float* first,
              float* second, float* parameters);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_ARITHMETIC_ELEMENTWISE_H_
