// Fitting dynamics to time derivatives.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_FIT_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_FIT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/greydanus/derivative_data.h"
#include "experiments/greydanus/initial_weights.h"
#include "experiments/greydanus/stepped_fit.h"
#include "models/dynamics/weights.h"
#include "models/transition_model.h"

namespace rollout {

struct DerivativeFitOptions {
  DynamicsKind kind = DynamicsKind::kHnnCanonical;  // or kNode, the baseline
  std::vector<int> hidden_sizes = {200, 200};
  int64_t batch = 0;  // samples of a step; 0 = all
  double learning_rate = 1e-3;
  double weight_decay = 0.0;
  uint64_t seed = 0;
};

// Minimises the mean of (dx - f(x))^2 over samples and dimensions with Adam at a constant learning
// rate, from orthogonal weights of gain 1, as the code of Greydanus et al. (2019) does. The last
// layer's bias stays zero (theirs has none). One owner; LibTorch should compute on one thread.
class DerivativeFit final : public SteppedFit {
 public:
  // A transition model of `dt` that is to learn from `samples`, which must outlive the fit.
  static absl::StatusOr<std::unique_ptr<DerivativeFit>> Create(const DerivativeSamples& samples,
                                                               double dt,
                                                               const DerivativeFitOptions& options);

  absl::Status Step() override;
  int64_t step() const override { return step_; }
  FitState Save() const override { return adam_->Save(step_); }
  absl::Status Restore(const FitState& state) override;

  // The mean loss over `samples`.
  absl::StatusOr<double> Loss(const DerivativeSamples& samples) const;

  TransitionModel Model() const;

 private:
  DerivativeFit(const DerivativeSamples& samples, const DerivativeFitOptions& options)
      : samples_(samples), options_(options) {}

  const DerivativeSamples& samples_;
  const DerivativeFitOptions options_;
  TransitionModelSpec spec_;
  ModelWeights weights_;
  std::optional<WeightsAdam> adam_;  // set by Create
  int64_t step_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_FIT_H_
