#include "models/engines/fused/scalar_dynamics_vjp.h"

#include <algorithm>
#include <cmath>

#include "models/engines/fused/scalar_functions.h"

namespace rollout::fused {

template <typename Real>
ScalarDynamicsVjp<Real>::ScalarDynamicsVjp(const FusedModel& model, int member)
    : model_(model),
      mlp_(model.members[member].mlp, model.activation),
      potential_(model.members[member].potential, model.activation),
      mass_(model.members[member].mass, model.activation),
      no_direction_(model.num_positions),
      features_(model.num_features),
      feature_tangents_(model.num_features),
      by_features_(model.num_features),
      by_feature_tangents_(model.num_features),
      mlp_inputs_(model.num_inputs()),
      mlp_input_tangents_(model.num_inputs()),
      by_mlp_inputs_(model.num_inputs()),
      by_mlp_input_tangents_(model.num_inputs()),
      by_mlp_outputs_(model.output_std.size()),
      by_mlp_output_tangents_(model.output_std.size()),
      velocity_(model.num_positions),
      by_velocity_(model.num_positions),
      triangle_(model.num_positions * (model.num_positions + 1) / 2),
      triangle_rates_(triangle_.size()),
      factor_momentum_(model.num_positions),
      factor_momentum_rates_(model.num_positions),
      factor_cotangents_(model.num_positions),
      by_raw_(triangle_.size()),
      by_raw_tangents_(triangle_.size()),
      by_potential_(1, Real(0)),
      by_potential_tangent_(1, Real(-1)) {}

// With (a, b) the cotangents of (dq, dp), what is differentiated is
//
//   NODE       (a, b) . output, a function of f(q), p and u;
//   NODE_SO    a . p + b . output;
//   MECHANICS  a . Minv(q) p + b . output;
//   HNN        a . v + b . (force(f(q), v, u) - dH/dq), v = Minv(q) p.
//
// Of HNN, the force's cotangent of v goes with a: c = a + force_v' b. And b . dH/dq is the
// derivative of H along the direction dq = b, so that second derivatives of the networks are
// needed only as the cotangents of tangents (ScalarNetworkVjp). With L and its derivative dL along
// b, s = L' p, ds = dL' p and r = L' c, the kinetic energy |s|^2 / 2 + epsilon |p|^2 / 2 changes
// along b by s . ds, so what is left is  r . s + epsilon c . p - s . ds - dV.
template <typename Real>
void ScalarDynamicsVjp<Real>::AddCotangents(absl::Span<const Real> q, absl::Span<const Real> p,
                                            absl::Span<const float> u, absl::Span<const Real> by_dq,
                                            absl::Span<const Real> by_dp, Inputs inputs) {
  const bool is_hnn = model_.kind == DynamicsKind::kHnn;
  const absl::Span<const Real> direction = is_hnn ? by_dp : absl::MakeConstSpan(no_direction_);
  Features(q, direction);
  std::fill(by_features_.begin(), by_features_.end(), Real(0));
  std::fill(by_feature_tangents_.begin(), by_feature_tangents_.end(), Real(0));
  if (model_.learned_mass) Mass(p);
  if (model_.kind == DynamicsKind::kNode) {
    std::fill(by_velocity_.begin(), by_velocity_.end(), Real(0));
  } else {
    std::copy(by_dq.begin(), by_dq.end(), by_velocity_.begin());
  }
  if (model_.has_mlp()) {
    AddMlpCotangents(p, u, by_dq, by_dp, inputs.u);
    // Of what the network saw: v for HNN, p itself for the others.
    for (int i = 0; i < model_.num_positions; ++i) {
      const Real seen =
          by_mlp_inputs_[model_.num_features + i] / Real(model_.input_std[model_.num_features + i]);
      (is_hnn ? by_velocity_[i] : inputs.p[i]) += seen;
    }
  }
  if (model_.learned_mass) {
    AddMassCotangents(p, inputs.p);
  } else {
    for (int i = 0; i < model_.num_positions; ++i) inputs.p[i] += by_velocity_[i];
  }
  if (is_hnn) {
    potential_.Forward(features_, feature_tangents_);
    potential_.AddInputCotangents(by_potential_, by_potential_tangent_, by_features_,
                                  by_feature_tangents_);
  }
  AddPositionCotangents(direction, inputs.q);
}

template <typename Real>
void ScalarDynamicsVjp<Real>::Features(absl::Span<const Real> q, absl::Span<const Real> dq) {
  const size_t angles = model_.angular_positions.size();
  for (size_t i = 0; i < angles; ++i) {
    const int position = model_.angular_positions[i];
    features_[i] = std::cos(q[position]);
    features_[angles + i] = std::sin(q[position]);
    feature_tangents_[i] = -features_[angles + i] * dq[position];
    feature_tangents_[angles + i] = features_[i] * dq[position];
  }
  for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
    features_[2 * angles + i] = q[model_.plain_positions[i]];
    feature_tangents_[2 * angles + i] = dq[model_.plain_positions[i]];
  }
}

// L, dL, s, ds and v.
template <typename Real>
void ScalarDynamicsVjp<Real>::Mass(absl::Span<const Real> p) {
  const int n = model_.num_positions;
  mass_.Forward(features_, feature_tangents_);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      const int k = Triangle(i, j);
      const Real raw = mass_.outputs()[k];
      triangle_[k] = i == j ? Activate(Activation::kSoftplus, raw) : raw;
      triangle_rates_[k] = (i == j ? Sigmoid(raw) : Real(1)) * mass_.output_tangents()[k];
    }
  }
  for (int j = 0; j < n; ++j) {
    factor_momentum_[j] = factor_momentum_rates_[j] = Real(0);
    for (int i = j; i < n; ++i) {
      factor_momentum_[j] += triangle_[Triangle(i, j)] * p[i];
      factor_momentum_rates_[j] += triangle_rates_[Triangle(i, j)] * p[i];
    }
  }
  for (int i = 0; i < n; ++i) {
    velocity_[i] = Real(model_.mass_epsilon) * p[i];
    for (int j = 0; j <= i; ++j) velocity_[i] += triangle_[Triangle(i, j)] * factor_momentum_[j];
  }
}

template <typename Real>
void ScalarDynamicsVjp<Real>::AddMlpCotangents(absl::Span<const Real> p, absl::Span<const float> u,
                                               absl::Span<const Real> by_dq,
                                               absl::Span<const Real> by_dp,
                                               absl::Span<Real> by_u) {
  const int n = model_.num_positions;
  const int features = model_.num_features;
  const bool sees_velocity = model_.kind == DynamicsKind::kHnn && model_.learned_mass;
  std::copy(features_.begin(), features_.end(), mlp_inputs_.begin());
  for (int i = 0; i < n; ++i) mlp_inputs_[features + i] = sees_velocity ? velocity_[i] : p[i];
  std::copy(u.begin(), u.end(), mlp_inputs_.begin() + features + n);
  for (size_t i = 0; i < mlp_inputs_.size(); ++i) {
    mlp_inputs_[i] = (mlp_inputs_[i] - Real(model_.input_mean[i])) / Real(model_.input_std[i]);
  }
  mlp_.Forward(mlp_inputs_, mlp_input_tangents_);
  if (model_.kind == DynamicsKind::kNode) {
    std::copy(by_dq.begin(), by_dq.end(), by_mlp_outputs_.begin());
    std::copy(by_dp.begin(), by_dp.end(), by_mlp_outputs_.begin() + n);
  } else {
    std::copy(by_dp.begin(), by_dp.end(), by_mlp_outputs_.begin());
  }
  for (size_t i = 0; i < by_mlp_outputs_.size(); ++i) {
    by_mlp_outputs_[i] *= Real(model_.output_std[i]);
  }
  std::fill(by_mlp_inputs_.begin(), by_mlp_inputs_.end(), Real(0));
  mlp_.AddInputCotangents(by_mlp_outputs_, by_mlp_output_tangents_, by_mlp_inputs_,
                          by_mlp_input_tangents_);
  for (int i = 0; i < features; ++i) {
    by_features_[i] += by_mlp_inputs_[i] / Real(model_.input_std[i]);
  }
  for (size_t i = 0; i < by_u.size(); ++i) {
    const size_t input = static_cast<size_t>(features + n) + i;
    by_u[i] += by_mlp_inputs_[input] / Real(model_.input_std[input]);
  }
}

template <typename Real>
void ScalarDynamicsVjp<Real>::AddMassCotangents(absl::Span<const Real> p, absl::Span<Real> by_p) {
  const int n = model_.num_positions;
  const std::vector<Real>& c = by_velocity_;
  const std::vector<Real>& s = factor_momentum_;
  const bool is_hnn = model_.kind == DynamicsKind::kHnn;
  for (int j = 0; j < n; ++j) {
    Real r = 0;
    for (int i = j; i < n; ++i) r += triangle_[Triangle(i, j)] * c[i];
    factor_cotangents_[j] = r - factor_momentum_rates_[j];  // r - ds, the cotangent of s
  }
  for (int i = 0; i < n; ++i) {
    by_p[i] += Real(model_.mass_epsilon) * c[i];
    for (int j = 0; j <= i; ++j) {
      const int k = Triangle(i, j);
      by_p[i] += triangle_[k] * factor_cotangents_[j];
      if (is_hnn) by_p[i] -= triangle_rates_[k] * s[j];
      const Real by_triangle = c[i] * s[j] + p[i] * factor_cotangents_[j];
      const Real by_rate = is_hnn ? -p[i] * s[j] : Real(0);
      by_raw_[k] = by_triangle;
      by_raw_tangents_[k] = by_rate;
      if (i != j) continue;
      // L = softplus(raw), dL = softplus'(raw) draw on the diagonal.
      const Real slope = Sigmoid(mass_.outputs()[k]);
      by_raw_[k] =
          by_triangle * slope + by_rate * slope * (Real(1) - slope) * mass_.output_tangents()[k];
      by_raw_tangents_[k] = by_rate * slope;
    }
  }
  mass_.AddInputCotangents(by_raw_, by_raw_tangents_, by_features_, by_feature_tangents_);
}

// Through f(q) and its tangent f'(q) dq: cos' = -sin, sin' = cos.
template <typename Real>
void ScalarDynamicsVjp<Real>::AddPositionCotangents(absl::Span<const Real> direction,
                                                    absl::Span<Real> by_q) {
  const size_t angles = model_.angular_positions.size();
  for (size_t i = 0; i < angles; ++i) {
    const int position = model_.angular_positions[i];
    const Real cosine = features_[i];
    const Real sine = features_[angles + i];
    by_q[position] += by_features_[angles + i] * cosine - by_features_[i] * sine -
                      (by_feature_tangents_[i] * cosine + by_feature_tangents_[angles + i] * sine) *
                          direction[position];
  }
  for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
    by_q[model_.plain_positions[i]] += by_features_[2 * angles + i];
  }
}

template class ScalarDynamicsVjp<float>;
template class ScalarDynamicsVjp<double>;

}  // namespace rollout::fused
