#ifndef ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_KERNEL_H_

#include <memory>

#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/transition_kernel.h"

namespace rollout::fused {

// Floats in a vector of the best instruction set of this CPU (16 with AVX-512, 8 with AVX2);
// 1 where there is none that the vector kernels are compiled for.
int VectorLanes();

// The kernel for that instruction set, over weights packed for VectorLanes(). `packed` must
// outlive it. Throws std::bad_alloc. Not to be called where VectorLanes() is 1.
std::unique_ptr<TransitionKernel> MakeVectorKernel(const PackedModel& packed);

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_KERNEL_H_
