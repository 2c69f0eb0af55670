// The innermost part of the fused engine's gradients: some lanes, one transition, there and back.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_KERNEL_H_

#include <cstddef>

#include "models/engines/fused/transition_kernel.h"

namespace rollout::fused {

// Cotangents of the lanes of a LaneBatch, lane after lane, as a transition is walked back.
struct CotangentBatch {
  // [lanes, 2n], of the carried [q, p]: at the transition's end, and when done at its start.
  float* states = nullptr;
  // [lanes, n], in: of the velocities Minv(q) p at the transition's end; nullptr = none. Only for
  // models with a learned mass: elsewhere p is the velocity.
  const float* velocities = nullptr;
  float* controls = nullptr;  // [lanes, nu], out
};

// Computes transitions of one model and walks them back. Owned by one thread; holds all the memory
// it needs from construction on. What a lane becomes does not depend on the lanes beside it.
class GradientKernel {
 public:
  virtual ~GradientKernel() = default;

  // Numbers that the record of one transition of `lanes` lanes takes.
  virtual size_t RecordSize(int lanes) const = 0;

  // As TransitionKernel::Advance, with the same bits; writes to `record`, unless it is nullptr,
  // what PullBack needs.
  virtual void Advance(int member, const LaneBatch& batch, float* record) = 0;

  // Walks back the transition of `record`, from an Advance with as many lanes under the same
  // `controls`, [lanes] of nu numbers each.
  virtual void PullBack(int member, int lanes, const float* const* controls, const float* record,
                        const CotangentBatch& cotangents) = 0;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_KERNEL_H_
