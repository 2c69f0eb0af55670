#include "trainer/fitting/recorded_node.h"

#include <algorithm>

namespace rollout {

template <typename Real>
RecordedNode<Real>::RecordedNode(const ModelParameters& model, int64_t slots, int64_t batch)
    : batch_(batch),
      n_(model.spec().num_positions),
      nu_(model.spec().num_controls),
      second_order_(model.spec().dynamics.kind == DynamicsKind::kNodeSo),
      positions_(model.spec()),
      features_(positions_.size()),
      mlp_(model, "mlp", model.ScaleOf("mlp"), slots - 1, 0, batch),
      position_(slots * batch * n_),
      velocity_(slots * batch * n_),
      seen_(slots * batch * features_),
      output_(batch * mlp_.outputs()),
      input_cotangent_(batch * mlp_.inputs()) {}

template <typename Real>
void RecordedNode<Real>::ReadPosition(int64_t slot) {
  positions_.WriteLanes(batch_, position(slot), &seen_[slot * batch_ * features_]);
}

template <typename Real>
void RecordedNode<Real>::Enter(int64_t slot, const Real* velocity) {
  std::copy_n(velocity, batch_ * n_, momentum(slot));
}

template <typename Real>
void RecordedNode<Real>::Evaluate(int64_t slot, const float* control, Real* position_rate,
                                  Real* momentum_rate) {
  const Real* seen = &seen_[slot * batch_ * features_];
  const Real* v = velocity(slot);
  Real* input = mlp_.input(slot);
  for (int64_t lane = 0; lane < batch_; ++lane) {
    input = std::copy_n(seen + lane * features_, features_, input);
    input = std::copy_n(v + lane * n_, n_, input);
    input = std::copy_n(control + lane * nu_, nu_, input);
  }
  mlp_.Forward(slot, output_.data());
  if (second_order_) {
    std::copy_n(v, batch_ * n_, position_rate);
    std::copy_n(output_.data(), batch_ * n_, momentum_rate);
    return;
  }
  const Real* output = output_.data();
  for (int64_t lane = 0; lane < batch_; ++lane, output += 2 * n_) {
    std::copy_n(output, n_, position_rate + lane * n_);
    std::copy_n(output + n_, n_, momentum_rate + lane * n_);
  }
}

template <typename Real>
void RecordedNode<Real>::BackThroughEvaluation(int64_t slot, const Real* of_position_rate,
                                               const Real* of_momentum_rate,
                                               const Real* of_velocity, Real* of_position,
                                               Real* of_momentum) {
  if (second_order_) {
    for (int64_t i = 0; i < batch_ * n_; ++i) of_momentum[i] += of_position_rate[i];
    mlp_.Backward(slot, of_momentum_rate, input_cotangent_.data());
  } else {
    Real* cotangent = output_.data();
    for (int64_t lane = 0; lane < batch_; ++lane) {
      cotangent = std::copy_n(of_position_rate + lane * n_, n_, cotangent);
      cotangent = std::copy_n(of_momentum_rate + lane * n_, n_, cotangent);
    }
    mlp_.Backward(slot, output_.data(), input_cotangent_.data());
  }
  positions_.PullBackLanes(batch_, &seen_[slot * batch_ * features_], input_cotangent_.data(),
                           mlp_.inputs(), of_position);
  for (int64_t lane = 0; lane < batch_; ++lane) {
    const Real* of_input = &input_cotangent_[lane * mlp_.inputs() + features_];
    for (int i = 0; i < n_; ++i) of_momentum[lane * n_ + i] += of_input[i];
  }
  BackThroughVelocity(slot, of_velocity, of_momentum);
}

template <typename Real>
void RecordedNode<Real>::BackThroughVelocity(int64_t, const Real* of_velocity, Real* of_momentum) {
  for (int64_t i = 0; i < batch_ * n_; ++i) of_momentum[i] += of_velocity[i];
}

template class RecordedNode<float>;
template class RecordedNode<double>;

}  // namespace rollout
