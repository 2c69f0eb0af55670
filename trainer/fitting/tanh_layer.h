// The elementwise part of a layer with tanh, on the processor's whole vectors.
#ifndef ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_
#define ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_

#include <cstdint>

namespace rollout {

// Both on the calling thread; the same inputs give the same bits on one machine.

// matrix [rows, columns] = tanh(matrix + bias [columns]), to 6e-7. NaN stays NaN.
void AddBiasAndTanh(int64_t rows, int64_t columns, const float* bias, float* matrix);

// cotangent[i] *= 1 - activation[i]^2, the derivative of tanh at what `activation` came from.
void BackThroughTanh(int64_t count, const float* activation, float* cotangent);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_TANH_LAYER_H_
