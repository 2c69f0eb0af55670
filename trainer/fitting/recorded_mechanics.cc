#include "trainer/fitting/recorded_mechanics.h"

#include <algorithm>

namespace rollout {
template <typename Real>
RecordedMechanics<Real>::RecordedMechanics(const ModelParameters& model, int64_t slots,
                                           int64_t batch)
    : batch_(batch),
      n_(model.spec().num_positions),
      nu_(model.spec().num_controls),
      triangle_(n_ * (n_ + 1) / 2),
      epsilon_(static_cast<Real>(model.spec().dynamics.mass_epsilon)),
      kind_(model.spec().dynamics.kind),
      positions_(model.spec()),
      features_(positions_.size()) {
  const int64_t evaluations = slots - 1;
  const DynamicsSpec& dynamics = model.spec().dynamics;
  const bool learned_mass = dynamics.mass == MassKind::kLearned;
  kinetic_ = kind_ == DynamicsKind::kHnn && learned_mass;
  if (kind_ != DynamicsKind::kMechanics) {
    const char* name = kind_ == DynamicsKind::kHnn ? "potential" : "hamiltonian";
    energy_.emplace(model, name, model.ScaleOf(name), evaluations, evaluations, batch);
    star_.resize(evaluations * batch * energy_->inputs());
  }
  if (learned_mass) {
    mass_.emplace(model, "mass", model.ScaleOf("mass"), slots, kinetic_ ? evaluations : 0, batch);
    lower_.resize(slots * batch * triangle_);
    slope_.resize(slots * batch * n_);
    w_.resize(slots * batch * n_);
    raw_.resize(batch * triangle_);
    lower_cotangent_.resize(batch * triangle_);
    diagonal_cotangent_.resize(batch * n_);
  }
  if (dynamics.has_force || kind_ == DynamicsKind::kMechanics) {
    const char* name = kind_ == DynamicsKind::kMechanics ? "mlp" : "force";
    force_.emplace(model, name, model.ScaleOf(name), evaluations, 0, batch);
  }
  for (Matrix* matrix : {&position_, &momentum_, &velocity_}) matrix->resize(slots * batch * n_);
  seen_.resize(slots * batch * features_);
  ones_.assign(batch, Real{1});
  output_.resize(batch * n_);
  input_cotangent_.resize(batch * (features_ + n_ + nu_));
  of_velocity_.resize(batch * n_);
  of_rate_.resize(batch * (features_ + n_));
}

template <typename Real>
void RecordedMechanics<Real>::SetParameters(const Real* parameters) {
  for (auto* network : {&energy_, &mass_, &force_}) {
    if (*network) (*network)->SetParameters(parameters);
  }
}

template <typename Real>
void RecordedMechanics<Real>::ReadPosition(int64_t slot) {
  positions_.WriteLanes(batch_, position(slot), Lane(seen_, slot, 0, features_));
  if (!mass_) return;
  std::copy_n(Lane(seen_, slot, 0, features_), batch_ * features_, mass_->input(slot));
  mass_->Forward(slot, raw_.data());
  for (int64_t lane = 0; lane < batch_; ++lane) {
    FillLower(n_, Lane(raw_, 0, lane, triangle_), Lane(lower_, slot, lane, triangle_),
              Lane(slope_, slot, lane, n_));
  }
}

template <typename Real>
void RecordedMechanics<Real>::Enter(int64_t slot, const Real* velocity) {
  if (!mass_) {
    std::copy_n(velocity, batch_ * n_, momentum(slot));
    return;
  }
  for (int64_t lane = 0; lane < batch_; ++lane) {
    SolveMomentum(n_, Lane(lower_, slot, lane, triangle_), epsilon_, velocity + lane * n_,
                  Lane(momentum_, slot, lane, n_), &workspace_);
  }
}

template <typename Real>
void RecordedMechanics<Real>::FindVelocity(int64_t slot) {
  if (!mass_) {
    std::copy_n(momentum(slot), batch_ * n_, Lane(velocity_, slot, 0, n_));
    return;
  }
  for (int64_t lane = 0; lane < batch_; ++lane) {
    rollout::FindVelocity(n_, Lane(lower_, slot, lane, triangle_), epsilon_,
                          Lane(momentum_, slot, lane, n_), Lane(w_, slot, lane, n_),
                          Lane(velocity_, slot, lane, n_));
  }
}

template <typename Real>
void RecordedMechanics<Real>::Evaluate(int64_t slot, const float* control, Real* position_rate,
                                       Real* momentum_rate) {
  FindVelocity(slot);
  std::copy_n(velocity(slot), batch_ * n_, position_rate);
  std::fill_n(momentum_rate, batch_ * n_, Real{0});
  if (energy_) AddEnergyRates(slot, position_rate, momentum_rate);
  if (force_) AddForce(slot, control, momentum_rate);
}

template <typename Real>
void RecordedMechanics<Real>::AddEnergyRates(int64_t slot, Real* position_rate,
                                             Real* momentum_rate) {
  const int width = energy_->inputs();
  const bool sees_momentum = kind_ == DynamicsKind::kHnnNonseparable;
  for (int64_t lane = 0; lane < batch_; ++lane) {
    Real* input = energy_->input(slot) + lane * width;
    input = std::copy_n(Lane(seen_, slot, lane, features_), features_, input);
    if (sees_momentum) std::copy_n(Lane(momentum_, slot, lane, n_), n_, input);
  }
  energy_->Forward(slot, nullptr);
  Real* star = Lane(star_, slot, 0, width);
  energy_->InputCotangent(slot, ones_.data(), star);
  if (kinetic_) {
    for (int64_t lane = 0; lane < batch_; ++lane) {
      KineticCotangent(n_, MassOf(slot, lane), Lane(momentum_, slot, lane, n_),
                       Lane(raw_, 0, lane, triangle_));
    }
    mass_->InputCotangent(slot, raw_.data(), of_rate_.data());
    for (int64_t i = 0; i < batch_ * features_; ++i) star[i] += of_rate_[i];
  }
  for (int64_t lane = 0; lane < batch_; ++lane) {
    Real* star_of_lane = star + lane * width;
    Real* rate = momentum_rate + lane * n_;
    positions_.PullBack(Lane(seen_, slot, lane, features_), star_of_lane, rate);
    for (int i = 0; i < n_; ++i) rate[i] = -rate[i];
    if (sees_momentum) std::copy_n(star_of_lane + features_, n_, position_rate + lane * n_);
  }
}

template <typename Real>
void RecordedMechanics<Real>::AddForce(int64_t slot, const float* control, Real* momentum_rate) {
  Matrix& second = kind_ == DynamicsKind::kMechanics ? momentum_ : velocity_;
  Real* input = force_->input(slot);
  for (int64_t lane = 0; lane < batch_; ++lane) {
    input = std::copy_n(Lane(seen_, slot, lane, features_), features_, input);
    input = std::copy_n(Lane(second, slot, lane, n_), n_, input);
    input = std::copy_n(control + lane * nu_, nu_, input);
  }
  force_->Forward(slot, output_.data());
  for (int64_t i = 0; i < batch_ * n_; ++i) momentum_rate[i] += output_[i];
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughEvaluation(int64_t slot, const Real* of_position_rate,
                                                    const Real* of_momentum_rate,
                                                    const Real* of_velocity, Real* of_position,
                                                    Real* of_momentum) {
  std::copy_n(of_velocity, batch_ * n_, of_velocity_.data());
  if (kind_ != DynamicsKind::kHnnNonseparable) {
    for (int64_t i = 0; i < batch_ * n_; ++i) of_velocity_[i] += of_position_rate[i];
  }
  if (force_) BackThroughForce(slot, of_momentum_rate, of_position, of_momentum);
  if (energy_) {
    BackThroughEnergyRates(slot, of_position_rate, of_momentum_rate, of_position, of_momentum);
  }
  if (kinetic_) {  // raw_ holds the cotangent of what KineticCotangent gave
    for (int64_t lane = 0; lane < batch_; ++lane) {
      rollout::BackThroughMass(n_, MassOf(slot, lane), epsilon_, Lane(momentum_, slot, lane, n_),
                               Lane(of_velocity_, 0, lane, n_), Lane(raw_, 0, lane, triangle_),
                               of_momentum + lane * n_, Lane(lower_cotangent_, 0, lane, triangle_),
                               Lane(diagonal_cotangent_, 0, lane, n_));
    }
  } else {
    BackThroughVelocity(slot, of_velocity_.data(), of_momentum);
  }
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughForce(int64_t slot, const Real* of_momentum_rate,
                                               Real* of_position, Real* of_momentum) {
  const int width = features_ + n_ + nu_;
  force_->Backward(slot, of_momentum_rate, input_cotangent_.data());
  positions_.PullBackLanes(batch_, Lane(seen_, slot, 0, features_), input_cotangent_.data(), width,
                           of_position);
  Real* of_second = kind_ == DynamicsKind::kMechanics ? of_momentum : of_velocity_.data();
  for (int64_t lane = 0; lane < batch_; ++lane) {
    const Real* cotangent = &input_cotangent_[lane * width + features_];
    for (int i = 0; i < n_; ++i) of_second[lane * n_ + i] += cotangent[i];
  }
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughEnergyRates(int64_t slot, const Real* of_position_rate,
                                                     const Real* of_momentum_rate,
                                                     Real* of_position, Real* of_momentum) {
  const int width = energy_->inputs();
  // The cotangent of star_, first the part of f(q) and then that of p.
  Matrix& of_star = of_rate_;
  Matrix& minus = output_;
  for (int64_t i = 0; i < batch_ * n_; ++i) minus[i] = -of_momentum_rate[i];
  for (int64_t lane = 0; lane < batch_; ++lane) {
    Real* of_lane = &of_star[lane * width];
    positions_.BackThroughPullBack(Lane(seen_, slot, lane, features_),
                                   Lane(star_, slot, lane, width), &minus[lane * n_], of_lane,
                                   of_position + lane * n_);
    if (width > features_) std::copy_n(of_position_rate + lane * n_, n_, of_lane + features_);
  }
  energy_->BackThroughInputCotangent(slot, of_star.data(), nullptr);
  energy_->Backward(slot, nullptr, input_cotangent_.data());
  positions_.PullBackLanes(batch_, Lane(seen_, slot, 0, features_), input_cotangent_.data(), width,
                           of_position);
  if (width > features_) {
    for (int64_t lane = 0; lane < batch_; ++lane) {
      const Real* cotangent = &input_cotangent_[lane * width + features_];
      for (int i = 0; i < n_; ++i) of_momentum[lane * n_ + i] += cotangent[i];
    }
  }
  if (kinetic_) mass_->BackThroughInputCotangent(slot, of_star.data(), raw_.data());
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughVelocity(int64_t slot, const Real* of_velocity,
                                                  Real* of_momentum) {
  if (!mass_) {
    for (int64_t i = 0; i < batch_ * n_; ++i) of_momentum[i] += of_velocity[i];
    return;
  }
  for (int64_t lane = 0; lane < batch_; ++lane) {
    rollout::BackThroughMass<Real>(
        n_, MassOf(slot, lane), epsilon_, Lane(momentum_, slot, lane, n_), of_velocity + lane * n_,
        nullptr, of_momentum + lane * n_, Lane(lower_cotangent_, 0, lane, triangle_),
        Lane(diagonal_cotangent_, 0, lane, n_));
  }
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughEnter(int64_t slot, const Real* of_momentum) {
  if (!mass_) return;
  for (int64_t lane = 0; lane < batch_; ++lane) {
    BackThroughSolve(n_, Lane(lower_, slot, lane, triangle_), epsilon_,
                     Lane(momentum_, slot, lane, n_), of_momentum + lane * n_,
                     Lane(lower_cotangent_, 0, lane, triangle_), &workspace_);
  }
}

template <typename Real>
void RecordedMechanics<Real>::BackThroughPosition(int64_t slot, Real* of_position) {
  if (!mass_) return;
  for (int64_t lane = 0; lane < batch_; ++lane) {
    BackThroughLower(n_, Lane(slope_, slot, lane, n_), Lane(lower_cotangent_, 0, lane, triangle_),
                     Lane(diagonal_cotangent_, 0, lane, n_), Lane(raw_, 0, lane, triangle_));
  }
  mass_->Backward(slot, raw_.data(), input_cotangent_.data());
  positions_.PullBackLanes(batch_, Lane(seen_, slot, 0, features_), input_cotangent_.data(),
                           features_, of_position);
}

template <typename Real>
void RecordedMechanics<Real>::AddGradient(Real* gradient) {
  for (auto* network : {&energy_, &mass_, &force_}) {
    if (*network) (*network)->AddGradient(gradient);
  }
}

template class RecordedMechanics<float>;
template class RecordedMechanics<double>;

}  // namespace rollout
