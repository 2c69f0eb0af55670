// Dynamics that remember each of their evaluations, to find gradients of what became of them.
#ifndef ROLLOUT_TRAINER_FITTING_RECORDED_DYNAMICS_H_
#define ROLLOUT_TRAINER_FITTING_RECORDED_DYNAMICS_H_

#include <cstdint>
#include <memory>

#include "trainer/fitting/model_parameters.h"

namespace rollout {

// dq/dt and dp/dt of a batch of lanes at many slots. p is what the kind carries beside q: the
// momentum where it has a mass, else the velocity itself.
//
// After SetParameters, per slot: the caller writes position(slot) and momentum(slot) [batch, n],
// then ReadPosition, then Evaluate. (At slot 0 the momentum may come from Enter, after
// ReadPosition; at the last slot FindVelocity alone takes the place of Evaluate.) Backward, per
// slot in any order: BackThroughEvaluation (at the last slot BackThroughVelocity), BackThroughEnter
// after it where Enter was used, then BackThroughPosition. In the end AddGradient. One owner, one
// thread; memory is allocated once.
template <typename Real>
class RecordedDynamics {
 public:
  virtual ~RecordedDynamics() = default;

  // One member's of ModelParameters, which outlive what follows.
  virtual void SetParameters(const Real* parameters) = 0;

  virtual Real* position(int64_t slot) = 0;
  virtual Real* momentum(int64_t slot) = 0;
  virtual const Real* velocity(int64_t slot) const = 0;

  // Finds what depends on the position alone.
  virtual void ReadPosition(int64_t slot) = 0;
  // The momentum of `velocity` [batch, n].
  virtual void Enter(int64_t slot, const Real* velocity) = 0;
  virtual void FindVelocity(int64_t slot) = 0;
  // dq/dt and dp/dt [batch, n] under controls [batch, nu]; and the velocity.
  virtual void Evaluate(int64_t slot, const float* control, Real* position_rate,
                        Real* momentum_rate) = 0;

  // For cotangents of both rates and of the velocity [batch, n], adds those of position and
  // momentum.
  virtual void BackThroughEvaluation(int64_t slot, const Real* of_position_rate,
                                     const Real* of_momentum_rate, const Real* of_velocity,
                                     Real* of_position, Real* of_momentum) = 0;
  virtual void BackThroughVelocity(int64_t slot, const Real* of_velocity, Real* of_momentum) = 0;
  // For the cotangent of the momentum that Enter found.
  virtual void BackThroughEnter(int64_t slot, const Real* of_momentum) = 0;
  virtual void BackThroughPosition(int64_t slot, Real* of_position) = 0;

  // Adds the gradient with respect to the parameters, of all slots.
  virtual void AddGradient(Real* gradient) = 0;
};

// Of NODE, NODE_SO, HNN, HNN_NONSEPARABLE or MECHANICS with tanh. `slots` counts the last one.
// `model` outlives it.
template <typename Real>
std::unique_ptr<RecordedDynamics<Real>> MakeRecordedDynamics(const ModelParameters& model,
                                                             int64_t slots, int64_t batch);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_RECORDED_DYNAMICS_H_
