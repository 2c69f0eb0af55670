// The innermost part of the fused engine: some lanes, one transition.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_TRANSITION_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_TRANSITION_KERNEL_H_

namespace rollout::fused {

// Lanes of one ensemble member, lane after lane. `states` holds [q, p] as it is carried from
// transition to transition (p = v for kinds without a learned mass); `residuals` what rounding has
// cut off from it so far, zero at the start of a rollout.
struct LaneBatch {
  int lanes = 0;
  const float* const* controls = nullptr;  // [lanes], each nu numbers
  float* states = nullptr;                 // [lanes, 2n], in and out
  float* residuals = nullptr;              // [lanes, 2n], in and out
  float* velocities = nullptr;             // [lanes, n], out: Minv(q) p; nullptr = not wanted
};

// Computes transitions of one model. Owned by one thread; holds all the memory it needs from
// construction on. What a lane becomes does not depend on the lanes beside it.
class TransitionKernel {
 public:
  virtual ~TransitionKernel() = default;

  // Takes every lane of `batch` one transition further, all substeps of it.
  virtual void Advance(int member, const LaneBatch& batch) = 0;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_TRANSITION_KERNEL_H_
