// The elementwise part of a layer with tanh, on the processor's whole vectors.
#ifndef ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_
#define ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_

#include <cmath>
#include <cstdint>

namespace rollout {

// All on the calling thread; the same inputs give the same bits on one machine. With y the
// activation tanh(x), its slope is 1 - y^2. Pointers of one call may be equal but not overlap
// otherwise.

// matrix [rows, columns] = tanh(matrix + bias [columns]), to 6e-7. NaN stays NaN.
void AddBiasAndTanh(int64_t rows, int64_t columns, const float* bias, float* matrix);

// result[i] = (cotangent[i] + more[i]) slope(activation[i]): the way back through tanh. `more` may
// be null.
void BackThroughTanh(int64_t count, const float* activation, const float* cotangent,
                     const float* more, float* result);

// The way back through result = cotangent * slope(activation) for a cotangent of the result, in
// `back`: that of `cotangent` into `to_cotangent`, that of the activation into `to_activation`.
void BackThroughSlope(int64_t count, const float* activation, const float* cotangent,
                      const float* back, float* to_cotangent, float* to_activation);

// The same in float64, plainly.
inline void AddBiasAndTanh(int64_t rows, int64_t columns, const double* bias, double* matrix) {
  for (int64_t row = 0; row < rows; ++row, matrix += columns) {
    for (int64_t i = 0; i < columns; ++i) matrix[i] = std::tanh(matrix[i] + bias[i]);
  }
}
inline void BackThroughTanh(int64_t count, const double* activation, const double* cotangent,
                            const double* more, double* result) {
  for (int64_t i = 0; i < count; ++i) {
    const double sum = cotangent[i] + (more == nullptr ? 0.0 : more[i]);
    result[i] = sum * (1.0 - activation[i] * activation[i]);
  }
}
inline void BackThroughSlope(int64_t count, const double* activation, const double* cotangent,
                             const double* back, double* to_cotangent, double* to_activation) {
  for (int64_t i = 0; i < count; ++i) {
    const double b = back[i];
    to_activation[i] = -2.0 * activation[i] * cotangent[i] * b;
    to_cotangent[i] = b * (1.0 - activation[i] * activation[i]);
  }
}

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_
