#include "models/engines/fused/scalar_dynamics.h"

#include <algorithm>
#include <cmath>

#include "models/engines/fused/scalar_functions.h"

namespace rollout::fused {

template <typename Real>
ScalarDynamics<Real>::ScalarDynamics(const FusedModel& model, int member)
    : model_(model),
      networks_(model.members[member]),
      mlp_tape_(MakeTape(networks_.mlp)),
      potential_tape_(MakeTape(networks_.potential)),
      mass_tape_(MakeTape(networks_.mass)),
      features_(model.num_features),
      mlp_inputs_(model.num_inputs()),
      mlp_outputs_(model.output_mean.size()),
      triangle_(model.num_positions * (model.num_positions + 1) / 2),
      factor_momentum_(model.num_positions),
      velocity_(model.num_positions),
      mass_cotangents_(triangle_.size()),
      feature_gradient_(model.num_features) {
  size_t widest = 1;
  for (const Network* network : {&networks_.mlp, &networks_.potential, &networks_.mass}) {
    for (const DenseLayer& layer : *network) {
      widest = std::max({widest, size_t(layer.inputs), size_t(layer.outputs)});
    }
  }
  cotangents_.reserve(widest);
  next_cotangents_.reserve(widest);
}

template <typename Real>
typename ScalarDynamics<Real>::Tape ScalarDynamics<Real>::MakeTape(const Network& network) {
  Tape tape;
  for (const DenseLayer& layer : network) {
    tape.inputs.emplace_back(layer.inputs);
    tape.preactivations.emplace_back(layer.outputs);
  }
  return tape;
}

template <typename Real>
const std::vector<Real>& ScalarDynamics<Real>::Forward(const Network& network,
                                                       absl::Span<const Real> inputs, Tape& tape) {
  std::copy(inputs.begin(), inputs.end(), tape.inputs[0].begin());
  for (size_t i = 0; i < network.size(); ++i) {
    const DenseLayer& layer = network[i];
    const std::vector<Real>& x = tape.inputs[i];
    for (int row = 0; row < layer.outputs; ++row) {
      const float* weight = &layer.weight[size_t(row) * layer.inputs];
      const Real sum = layer.bias[row] + Dot(weight, x.data(), layer.inputs);
      tape.preactivations[i][row] = sum;
      if (i + 1 < network.size()) tape.inputs[i + 1][row] = Activate(model_.activation, sum);
    }
  }
  return tape.preactivations.back();
}

template <typename Real>
void ScalarDynamics<Real>::AddInputGradient(const Network& network, const Tape& tape,
                                            absl::Span<const Real> cotangents,
                                            std::vector<Real>& gradient) {
  cotangents_.assign(cotangents.begin(), cotangents.end());
  for (size_t i = network.size(); i-- > 0;) {
    const DenseLayer& layer = network[i];
    next_cotangents_.assign(layer.inputs, Real(0));
    for (int row = 0; row < layer.outputs; ++row) {
      const float* weight = &layer.weight[size_t(row) * layer.inputs];
      for (int k = 0; k < layer.inputs; ++k) {
        next_cotangents_[k] += Real(weight[k]) * cotangents_[row];
      }
    }
    if (i > 0) {
      for (int k = 0; k < layer.inputs; ++k) {
        next_cotangents_[k] *= ActivationSlope(model_.activation, tape.preactivations[i - 1][k]);
      }
    }
    std::swap(cotangents_, next_cotangents_);
  }
  for (size_t k = 0; k < gradient.size(); ++k) gradient[k] += cotangents_[k];
}

// f(q) = [cos q_a, sin q_a for a in angular, the plain positions], the cosines first.
template <typename Real>
void ScalarDynamics<Real>::Features(absl::Span<const Real> q) {
  const size_t angles = model_.angular_positions.size();
  for (size_t i = 0; i < angles; ++i) {
    features_[i] = std::cos(q[model_.angular_positions[i]]);
    features_[angles + i] = std::sin(q[model_.angular_positions[i]]);
  }
  for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
    features_[2 * angles + i] = q[model_.plain_positions[i]];
  }
}

template <typename Real>
void ScalarDynamics<Real>::MassFactor(absl::Span<const Real> q, absl::Span<const Real> p) {
  const int n = model_.num_positions;
  Features(q);
  const std::vector<Real>& outputs = Forward(networks_.mass, features_, mass_tape_);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) triangle_[Triangle(i, j)] = outputs[Triangle(i, j)];
    triangle_[Triangle(i, i)] = Activate(Activation::kSoftplus, outputs[Triangle(i, i)]);
  }
  for (int j = 0; j < n; ++j) {
    Real sum = 0;
    for (int i = j; i < n; ++i) sum += triangle_[Triangle(i, j)] * p[i];
    factor_momentum_[j] = sum;
  }
}

template <typename Real>
void ScalarDynamics<Real>::Velocity(absl::Span<const Real> q, absl::Span<const Real> p,
                                    absl::Span<Real> v) {
  if (!model_.learned_mass) {
    std::copy(p.begin(), p.end(), v.begin());
    return;
  }
  MassFactor(q, p);
  for (int i = 0; i < model_.num_positions; ++i) {
    Real sum = Real(model_.mass_epsilon) * p[i];
    for (int j = 0; j <= i; ++j) sum += triangle_[Triangle(i, j)] * factor_momentum_[j];
    v[i] = sum;
  }
}

template <typename Real>
void ScalarDynamics<Real>::Momentum(absl::Span<const Real> q, absl::Span<const Real> v,
                                    absl::Span<Real> p) {
  if (!model_.learned_mass) {
    std::copy(v.begin(), v.end(), p.begin());
    return;
  }
  const int n = model_.num_positions;
  MassFactor(q, v);
  // Minv = L L' + epsilon I, then Minv = C C' in place of its lower triangle.
  std::vector<Real>& minv = mass_cotangents_;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      Real sum = i == j ? Real(model_.mass_epsilon) : Real(0);
      for (int k = 0; k <= j; ++k) sum += triangle_[Triangle(i, k)] * triangle_[Triangle(j, k)];
      minv[Triangle(i, j)] = sum;
    }
  }
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      Real sum = minv[Triangle(i, j)];
      for (int k = 0; k < j; ++k) sum -= minv[Triangle(i, k)] * minv[Triangle(j, k)];
      minv[Triangle(i, j)] = i == j ? std::sqrt(sum) : sum / minv[Triangle(j, j)];
    }
  }
  for (int i = 0; i < n; ++i) {  // C y = v
    Real sum = v[i];
    for (int k = 0; k < i; ++k) sum -= minv[Triangle(i, k)] * p[k];
    p[i] = sum / minv[Triangle(i, i)];
  }
  for (int i = n; i-- > 0;) {  // C' p = y
    Real sum = p[i];
    for (int k = i + 1; k < n; ++k) sum -= minv[Triangle(k, i)] * p[k];
    p[i] = sum / minv[Triangle(i, i)];
  }
}

// mlp_outputs_ = output.std * mlp(norm(f(q), v, u)) + output.mean; MECHANICS sees p in v's place.
template <typename Real>
void ScalarDynamics<Real>::MlpOutputs(absl::Span<const Real> q, absl::Span<const Real> p,
                                      absl::Span<const float> u) {
  const int n = model_.num_positions;
  if (model_.kind == DynamicsKind::kHnn) {
    Velocity(q, p, absl::MakeSpan(velocity_));
  } else {
    std::copy(p.begin(), p.end(), velocity_.begin());
  }
  Features(q);
  std::copy(features_.begin(), features_.end(), mlp_inputs_.begin());
  std::copy(velocity_.begin(), velocity_.end(), mlp_inputs_.begin() + model_.num_features);
  std::copy(u.begin(), u.end(), mlp_inputs_.begin() + model_.num_features + n);
  for (size_t i = 0; i < mlp_inputs_.size(); ++i) {
    mlp_inputs_[i] = (mlp_inputs_[i] - Real(model_.input_mean[i])) / Real(model_.input_std[i]);
  }
  const std::vector<Real>& raw = Forward(networks_.mlp, mlp_inputs_, mlp_tape_);
  for (size_t i = 0; i < mlp_outputs_.size(); ++i) {
    mlp_outputs_[i] = Real(model_.output_std[i]) * raw[i] + Real(model_.output_mean[i]);
  }
}

// H = V(f(q)) + (|L' p|^2 + epsilon |p|^2) / 2. With s = L' p, dH/dL[i][j] = p_i s_j.
template <typename Real>
void ScalarDynamics<Real>::AddNegativeHamiltonianGradient(absl::Span<const Real> q,
                                                          absl::Span<const Real> p,
                                                          absl::Span<Real> dp) {
  const int n = model_.num_positions;
  std::fill(feature_gradient_.begin(), feature_gradient_.end(), Real(0));
  if (model_.learned_mass) {
    MassFactor(q, p);
    const std::vector<Real>& outputs = mass_tape_.preactivations.back();
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j <= i; ++j) {
        const Real slope = i == j ? Sigmoid(outputs[Triangle(i, i)]) : Real(1);
        mass_cotangents_[Triangle(i, j)] = p[i] * factor_momentum_[j] * slope;
      }
    }
    AddInputGradient(networks_.mass, mass_tape_, mass_cotangents_, feature_gradient_);
  }
  Features(q);
  Forward(networks_.potential, features_, potential_tape_);
  const Real one = 1;
  AddInputGradient(networks_.potential, potential_tape_, absl::MakeConstSpan(&one, 1),
                   feature_gradient_);

  const size_t angles = model_.angular_positions.size();
  for (size_t i = 0; i < angles; ++i) {
    const Real cosine = features_[i];
    const Real sine = features_[angles + i];
    dp[model_.angular_positions[i]] -=
        feature_gradient_[angles + i] * cosine - feature_gradient_[i] * sine;
  }
  for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
    dp[model_.plain_positions[i]] -= feature_gradient_[2 * angles + i];
  }
}

template <typename Real>
void ScalarDynamics<Real>::PositionRate(absl::Span<const Real> q, absl::Span<const Real> p,
                                        absl::Span<Real> dq) {
  Velocity(q, p, dq);
}

template <typename Real>
void ScalarDynamics<Real>::MomentumRate(absl::Span<const Real> q, absl::Span<const Real> p,
                                        absl::Span<const float> u, absl::Span<Real> dp) {
  if (model_.has_mlp()) {
    MlpOutputs(q, p, u);
    std::copy(mlp_outputs_.begin(), mlp_outputs_.end(), dp.begin());
  } else {
    std::fill(dp.begin(), dp.end(), Real(0));
  }
  if (model_.has_potential()) AddNegativeHamiltonianGradient(q, p, dp);
}

template <typename Real>
void ScalarDynamics<Real>::Rates(absl::Span<const Real> q, absl::Span<const Real> p,
                                 absl::Span<const float> u, absl::Span<Real> dq,
                                 absl::Span<Real> dp) {
  if (model_.kind != DynamicsKind::kNode) {
    PositionRate(q, p, dq);
    MomentumRate(q, p, u, dp);
    return;
  }
  MlpOutputs(q, p, u);
  std::copy_n(mlp_outputs_.begin(), dq.size(), dq.begin());
  std::copy_n(mlp_outputs_.begin() + static_cast<ptrdiff_t>(dq.size()), dp.size(), dp.begin());
}

template class ScalarDynamics<float>;
template class ScalarDynamics<double>;

}  // namespace rollout::fused
