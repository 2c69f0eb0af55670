#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_GRADIENT_KERNEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_GRADIENT_KERNEL_H_

#include <vector>

#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/gradient_kernel.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/fused/scalar_dynamics_vjp.h"
#include "models/engines/fused/scalar_kernel.h"

namespace rollout::fused {

// Lane by lane, number by number, in float32: the reference that the vector kernels are tested
// against. Records the state before each substep, and computes stages again. `model` must outlive
// it.
class ScalarGradientKernel final : public GradientKernel {
 public:
  explicit ScalarGradientKernel(const FusedModel& model);

  size_t RecordSize(int lanes) const override;
  void Advance(int member, const LaneBatch& batch, float* record) override;
  void PullBack(int member, int lanes, const float* const* controls, const float* record,
                const CotangentBatch& cotangents) override;

 private:
  using State = std::vector<float>;  // [q, p]

  // From the cotangent by_z_ of the state after a substep to that of the state z_ before it.
  void SubstepBack();
  void RungeKuttaBack(const float (&stages)[4][3], const float (&weights)[4]);
  // rates = (dq, dp) at z.
  void Rates(const State& z, State& rates);
  // Adds J' (by_dq, by_dp) at z to by_z, and to the control's cotangent.
  void AddRates(const State& z, const State& by_rates, State& by_z);
  // by_rates_ = (position by_q, momentum by_p) of by_z_.
  void ScaleCotangents(float position, float momentum);

  const FusedModel& model_;
  const size_t n_;
  ScalarKernel kernel_;
  std::vector<ScalarDynamics<float>> dynamics_;  // [E]
  std::vector<ScalarDynamicsVjp<float>> vjps_;   // [E]
  int member_ = 0;
  absl::Span<const float> u_;
  absl::Span<float> by_u_;
  State z_, by_z_, middle_, end_, rates_, by_rates_;
  State stage_z_[4], stage_rates_[4], by_stage_[4];
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_GRADIENT_KERNEL_H_
