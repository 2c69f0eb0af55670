#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_KERNEL_H_

#include <vector>

#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/fused/transition_kernel.h"

namespace rollout::fused {

// Lane by lane, number by number, in float32: the reference that the vector kernels are tested
// against. `model` must outlive it.
class ScalarKernel final : public TransitionKernel {
 public:
  explicit ScalarKernel(const FusedModel& model);
  void Advance(int member, const LaneBatch& batch) override {
    AdvanceSubsteps(member, batch, model_.substeps);
  }

  // A part of a transition.
  void AdvanceSubsteps(int member, const LaneBatch& batch, int substeps);

 private:
  void Substep(ScalarDynamics<float>& dynamics, absl::Span<const float> u);
  void RungeKutta4(ScalarDynamics<float>& dynamics, absl::Span<const float> u);
  void RungeKutta4ThreeEighths(ScalarDynamics<float>& dynamics, absl::Span<const float> u);
  // q += factor * dq_ and p += factor * dp_, keeping what rounding cuts off.
  void AddToPositions(float factor, const std::vector<float>& rate);
  void AddToMomenta(float factor, const std::vector<float>& rate);

  const FusedModel& model_;
  std::vector<ScalarDynamics<float>> dynamics_;  // [E]
  // The lane at hand: q, p and their residuals inside the batch.
  absl::Span<float> q_, p_, q_residual_, p_residual_;
  std::vector<float> dq_, dp_, stage_q_, stage_p_;
  std::vector<float> stage_dq_[3], stage_dp_[3];  // k2, k3, k4
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_KERNEL_H_
