#ifndef ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_GRADIENT_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_GRADIENT_KERNEL_H_

#include <memory>

#include "models/engines/fused/gradient_kernel.h"
#include "models/engines/fused/packed_model.h"

namespace rollout::fused {

// The kernel for the best instruction set of this CPU, over weights packed for VectorLanes().
// `packed` must outlive it. Throws std::bad_alloc. Not to be called where VectorLanes() is 1.
std::unique_ptr<GradientKernel> MakeVectorGradientKernel(const PackedModel& packed);

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_VECTOR_GRADIENT_KERNEL_H_
