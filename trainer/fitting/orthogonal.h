// Orthogonal weights to begin a fit with.
#ifndef ROLLOUT_TRAINER_FITTING_ORTHOGONAL_H_
#define ROLLOUT_TRAINER_FITTING_ORTHOGONAL_H_

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace rollout {

// [rows, columns] with orthonormal rows or columns (whichever are fewer) times `gain`:
// Gram-Schmidt on Gaussian vectors (Saxe, McClelland and Ganguli, 2014).
std::vector<float> OrthogonalMatrix(int64_t rows, int64_t columns, double gain, Random& random);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_ORTHOGONAL_H_
