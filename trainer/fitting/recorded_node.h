// The dynamics that are one network, evaluated at recorded slots, forward and backward.
#ifndef ROLLOUT_TRAINER_FITTING_RECORDED_NODE_H_
#define ROLLOUT_TRAINER_FITTING_RECORDED_NODE_H_

#include <cstdint>
#include <vector>

#include "trainer/fitting/model_parameters.h"
#include "trainer/fitting/position_features.h"
#include "trainer/fitting/recorded_dynamics.h"
#include "trainer/fitting/recorded_network.h"

namespace rollout {

// NODE and NODE_SO; what they carry beside q is v:
//   NODE     [dq, dv] = mlp(f(q), v, u)
//   NODE_SO  dq = v, dv = mlp(f(q), v, u)
template <typename Real>
class RecordedNode final : public RecordedDynamics<Real> {
 public:
  RecordedNode(const ModelParameters& model, int64_t slots, int64_t batch);

  void SetParameters(const Real* parameters) override { mlp_.SetParameters(parameters); }
  Real* position(int64_t slot) override { return &position_[slot * batch_ * n_]; }
  Real* momentum(int64_t slot) override { return &velocity_[slot * batch_ * n_]; }
  const Real* velocity(int64_t slot) const override { return &velocity_[slot * batch_ * n_]; }

  void ReadPosition(int64_t slot) override;
  void Enter(int64_t slot, const Real* velocity) override;
  void FindVelocity(int64_t) override {}
  void Evaluate(int64_t slot, const float* control, Real* position_rate,
                Real* momentum_rate) override;

  void BackThroughEvaluation(int64_t slot, const Real* of_position_rate,
                             const Real* of_momentum_rate, const Real* of_velocity,
                             Real* of_position, Real* of_momentum) override;
  void BackThroughVelocity(int64_t slot, const Real* of_velocity, Real* of_momentum) override;
  void BackThroughEnter(int64_t, const Real*) override {}
  void BackThroughPosition(int64_t, Real*) override {}

  void AddGradient(Real* gradient) override { mlp_.AddGradient(gradient); }

 private:
  const int64_t batch_;
  const int n_;
  const int nu_;
  const bool second_order_;
  const PositionFeatures positions_;
  const int features_;
  RecordedNetwork<Real> mlp_;

  std::vector<Real> position_, velocity_;  // [slots, batch, n]
  std::vector<Real> seen_;                 // [slots, batch, features]

  // [batch, ...], within one call.
  std::vector<Real> output_, input_cotangent_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_RECORDED_NODE_H_
