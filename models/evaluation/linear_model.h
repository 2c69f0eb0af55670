// The linear one-step model: what any learned model has to beat.
#ifndef ROLLOUT_MODELS_EVALUATION_LINEAR_MODEL_H_
#define ROLLOUT_MODELS_EVALUATION_LINEAR_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/evaluation/predictor.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

// Δz = W [z, u, 1] per transition, iterated open loop in float64. Ignored positions do not enter
// (nothing depends on them), as in the networks. A plain value, immutable.
class LinearModel : public Predictor {
 public:
  // Ridge least squares over every transition of `episodes`: inputs are standardised, `ridge` is
  // the weight of |W|² per transition, the constant is not penalised. INVALID_ARGUMENT where there
  // is no transition; INTERNAL where the normal equations are singular.
  static absl::StatusOr<LinearModel> Fit(const std::vector<ObservedEpisode>& episodes,
                                         int state_size, int num_controls,
                                         absl::Span<const int> ignored_positions,
                                         double ridge = 1e-6);

  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial_states,
                       absl::Span<const float> controls, absl::Span<float> trajectory) override;

 private:
  LinearModel() = default;
  void Standardise(const double* state, const double* control, double* row) const;

  int state_size_ = 0;
  int num_controls_ = 0;
  std::vector<double> mean_;     // [2n + nu]
  std::vector<double> inverse_;  // 1 / std, 0 for what does not enter
  std::vector<double> weights_;  // [2n + nu + 1, 2n]
};

// Solves A X = B for symmetric positive definite A [k, k] and B [k, m] (row-major, both
// overwritten; B becomes X) by Cholesky's decomposition. False where A is not positive definite.
bool SolveCholesky(int k, int m, absl::Span<double> a, absl::Span<double> b);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_LINEAR_MODEL_H_
