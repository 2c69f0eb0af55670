// Memory for the arrays of a tile.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_ARENA_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_ARENA_INL_H_
#undef ROLLOUT_FUSED_ARENA_INL_H_
#else
#define ROLLOUT_FUSED_ARENA_INL_H_
#endif

#include <cstddef>

#include "models/engines/fused/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

// Hands out arrays from one block of memory. Without memory it only counts.
class Arena {
 public:
  explicit Arena(float* memory) : memory_(memory) {}
  float* Take(size_t size) {
    float* taken = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (size + kVectorLanes - 1) / kVectorLanes * kVectorLanes;
    return taken;
  }
  size_t used() const { return used_; }

 private:
  float* memory_;
  size_t used_ = 0;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
