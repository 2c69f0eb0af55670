// The loss of a batch of windows and its gradient.
#ifndef ROLLOUT_TRAINER_FITTING_WINDOW_LOSS_H_
#define ROLLOUT_TRAINER_FITTING_WINDOW_LOSS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "trainer/fitting/loss_norm.h"
#include "trainer/fitting/model_parameters.h"
#include "trainer/fitting/training_set.h"

namespace rollout {

// mean over windows, their states (the first one included, where the error is zero) and the
// dimensions that are not constant, of the norm of (predicted - observed) / scale. Angles are
// compared as they are: they are unwrapped in states. One owner, one thread.
//
// Real: float to train with, double to hold one way of computing against another.
template <typename Real>
class BasicWindowLoss {
 public:
  virtual ~BasicWindowLoss() = default;

  // Writes each member's loss on its own batch (batches[e], all of the same size) to `losses` [E],
  // and the gradient of each with respect to that member's parameters to `gradient`.
  // RESOURCE_EXHAUSTED or INTERNAL where LibTorch fails.
  virtual absl::Status Evaluate(absl::Span<const WindowBatch> batches,
                                absl::Span<const Real> parameters, absl::Span<double> losses,
                                absl::Span<Real> gradient) = 0;
};
using WindowLoss = BasicWindowLoss<float>;

// By hand: forward and backward over all substeps on memory allocated once, for NODE, NODE_SO, HNN,
// HNN_NONSEPARABLE and MECHANICS with tanh under EULER, RK4 or RK4_38; where dq/dt is what the kind
// carries beside q (NODE_SO, HNN and MECHANICS with the identity as mass), also under
// CONSTANT_ACCELERATION and SYMPLECTIC_EULER. `parameters` outlives it.
bool TakesRecordedWindowLoss(const TransitionModelSpec& spec);
template <typename Real>
std::unique_ptr<BasicWindowLoss<Real>> MakeRecordedWindowLoss(const ModelParameters& parameters,
                                                              std::vector<float> inverse_scale,
                                                              int64_t window_transitions,
                                                              int64_t batch,
                                                              LossNorm norm = LossNorm::kL2);

// By LibTorch's autograd through models/dynamics and models/integrators: any kind, any integrator
// of fixed steps. `symplectic_weight`: of the mean SymplecticAsymmetry of the dynamics at the
// window's first state and at the predicted ones, which adds to the loss (Gruver et al., ICLR 2022,
// section 4.2). `parameters` outlives it.
template <typename Real>
absl::StatusOr<std::unique_ptr<BasicWindowLoss<Real>>> MakeAutogradWindowLoss(
    const ModelParameters& parameters, std::vector<float> inverse_scale, int64_t window_transitions,
    LossNorm norm = LossNorm::kL2, double symplectic_weight = 0.0);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_WINDOW_LOSS_H_
