// The dynamics with a mass, evaluated at recorded slots, forward and backward.
#ifndef ROLLOUT_TRAINER_FITTING_RECORDED_MECHANICS_H_
#define ROLLOUT_TRAINER_FITTING_RECORDED_MECHANICS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "trainer/fitting/inverse_mass.h"
#include "trainer/fitting/model_parameters.h"
#include "trainer/fitting/position_features.h"
#include "trainer/fitting/recorded_dynamics.h"
#include "trainer/fitting/recorded_network.h"

namespace rollout {

// HNN, HNN_NONSEPARABLE and MECHANICS, with a learned mass or the identity, with or without force:
//   HNN               H = V(f(q)) + p' Minv(q) p / 2
//                     dq = Minv p, dp = -dH/dq + force(f(q), v, u)
//   HNN_NONSEPARABLE  H = hamiltonian(f(q), p)
//                     dq = dH/dp, dp = -dH/dq + force(f(q), v, u)
//   MECHANICS         dq = v = Minv p, dp = mlp(f(q), p, u)
template <typename Real>
class RecordedMechanics final : public RecordedDynamics<Real> {
 public:
  RecordedMechanics(const ModelParameters& model, int64_t slots, int64_t batch);

  void SetParameters(const Real* parameters) override;
  Real* position(int64_t slot) override { return &position_[slot * batch_ * n_]; }
  Real* momentum(int64_t slot) override { return &momentum_[slot * batch_ * n_]; }
  // v = Minv(q) p.
  const Real* velocity(int64_t slot) const override { return &velocity_[slot * batch_ * n_]; }

  void ReadPosition(int64_t slot) override;
  void Enter(int64_t slot, const Real* velocity) override;
  void FindVelocity(int64_t slot) override;
  void Evaluate(int64_t slot, const float* control, Real* position_rate,
                Real* momentum_rate) override;

  void BackThroughEvaluation(int64_t slot, const Real* of_position_rate,
                             const Real* of_momentum_rate, const Real* of_velocity,
                             Real* of_position, Real* of_momentum) override;
  void BackThroughVelocity(int64_t slot, const Real* of_velocity, Real* of_momentum) override;
  void BackThroughEnter(int64_t slot, const Real* of_momentum) override;
  void BackThroughPosition(int64_t slot, Real* of_position) override;

  void AddGradient(Real* gradient) override;

 private:
  using Matrix = std::vector<Real>;
  Real* Lane(Matrix& matrix, int64_t slot, int64_t lane, int columns) {
    return &matrix[(slot * batch_ + lane) * columns];
  }
  LaneMass<Real> MassOf(int64_t slot, int64_t lane) {
    return {Lane(lower_, slot, lane, triangle_), Lane(slope_, slot, lane, n_),
            Lane(w_, slot, lane, n_)};
  }
  void AddEnergyRates(int64_t slot, Real* position_rate, Real* momentum_rate);
  void AddForce(int64_t slot, const float* control, Real* momentum_rate);
  void BackThroughForce(int64_t slot, const Real* of_momentum_rate, Real* of_position,
                        Real* of_momentum);
  void BackThroughEnergyRates(int64_t slot, const Real* of_position_rate,
                              const Real* of_momentum_rate, Real* of_position, Real* of_momentum);

  const int64_t batch_;
  const int n_;
  const int nu_;
  const int triangle_;  // n (n + 1) / 2
  const Real epsilon_;
  const DynamicsKind kind_;
  const PositionFeatures positions_;
  const int features_;

  std::optional<RecordedNetwork<Real>> energy_;  // V(f(q)) or hamiltonian(f(q), p)
  std::optional<RecordedNetwork<Real>> mass_;    // none: the identity
  std::optional<RecordedNetwork<Real>> force_;   // also MECHANICS' mlp
  bool kinetic_ = false;                         // HNN with a learned mass: dp sees its derivative

  // [slots, batch, ...]
  Matrix position_, momentum_, velocity_;  // [n]
  Matrix seen_;                            // f(q) [features]
  Matrix star_;                            // dH/d[f(q), p] [inputs of energy_]
  Matrix lower_, slope_, w_;               // [triangle], [n], [n]

  // [batch, ...], within one call or from one call to the next for the same slot.
  Matrix ones_, output_, input_cotangent_, raw_, of_velocity_, of_rate_;
  Matrix lower_cotangent_, diagonal_cotangent_;
  std::vector<double> workspace_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_RECORDED_MECHANICS_H_
