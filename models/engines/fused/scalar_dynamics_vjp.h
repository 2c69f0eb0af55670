// Cotangents of dz/dt of one lane on their way back, written as the formulas read. The vector
// kernels are tested against it.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_VJP_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_VJP_H_

#include <vector>

#include "absl/types/span.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_network_vjp.h"

namespace rollout::fused {

// The vector-Jacobian product of ScalarDynamics. Owned by one thread; the model must outlive it.
// Allocates only in the constructor.
template <typename Real>
class ScalarDynamicsVjp {
 public:
  ScalarDynamicsVjp(const FusedModel& model, int member);

  // What is differentiated with respect to; cotangents are added.
  struct Inputs {
    absl::Span<Real> q;  // [n]
    absl::Span<Real> p;  // [n]
    absl::Span<Real> u;  // [nu]
  };

  // For cotangents [n] of dq and dp at (q, p, u). Zeros for one of them give the vector-Jacobian
  // product of the other rate alone.
  void AddCotangents(absl::Span<const Real> q, absl::Span<const Real> p, absl::Span<const float> u,
                     absl::Span<const Real> by_dq, absl::Span<const Real> by_dp, Inputs inputs);

 private:
  void Features(absl::Span<const Real> q, absl::Span<const Real> dq);
  void Mass(absl::Span<const Real> p);
  // Adds to the cotangents of features, velocities and controls.
  void AddMlpCotangents(absl::Span<const Real> p, absl::Span<const float> u,
                        absl::Span<const Real> by_dq, absl::Span<const Real> by_dp,
                        absl::Span<Real> by_u);
  void AddMassCotangents(absl::Span<const Real> p, absl::Span<Real> by_p);
  void AddPositionCotangents(absl::Span<const Real> direction, absl::Span<Real> by_q);

  const FusedModel& model_;
  ScalarNetworkVjp<Real> mlp_, potential_, mass_;
  const std::vector<Real> no_direction_;           // [n] zeros
  std::vector<Real> features_, feature_tangents_;  // f(q), f'(q) dq
  std::vector<Real> by_features_, by_feature_tangents_;
  std::vector<Real> mlp_inputs_, mlp_input_tangents_, by_mlp_inputs_, by_mlp_input_tangents_;
  std::vector<Real> by_mlp_outputs_, by_mlp_output_tangents_;
  std::vector<Real> velocity_, by_velocity_;                     // v = Minv p, and c
  std::vector<Real> triangle_, triangle_rates_;                  // L and dL, row by row
  std::vector<Real> factor_momentum_;                            // s = L' p
  std::vector<Real> factor_momentum_rates_;                      // ds = dL' p
  std::vector<Real> factor_cotangents_;                          // r = L' c
  std::vector<Real> by_raw_, by_raw_tangents_;                   // of the mass network's outputs
  const std::vector<Real> by_potential_, by_potential_tangent_;  // 0 and -1
};

extern template class ScalarDynamicsVjp<float>;
extern template class ScalarDynamicsVjp<double>;

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_SCALAR_DYNAMICS_VJP_H_
