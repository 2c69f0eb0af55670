#include "models/evaluation/hamiltonian.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double Activate(Activation activation, double x) {
  if (std::isnan(x)) return x;  // comparisons would hide it
  switch (activation) {
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case Activation::kSoftplus:
      return Softplus(x);
  }
  return x;
}

const std::vector<float>& Values(const TransitionModel& model, const char* name) {
  return FindTensor(model, name)->data;
}

}  // namespace

bool IsHamiltonian(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
         kind == DynamicsKind::kHnnCanonical || kind == DynamicsKind::kPixelHnn;
}

absl::StatusOr<Hamiltonian> Hamiltonian::Of(const TransitionModel& model, int member) {
  const TransitionModelSpec& spec = model.spec;
  if (!IsHamiltonian(spec.dynamics.kind)) {
    return absl::InvalidArgumentError(
        absl::StrCat("kind ", Name(spec.dynamics.kind), " has no energy, expected a kind of HNN"));
  }
  if (member < 0 || member >= spec.ensemble_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "found member ", member, ", expected one of an ensemble of ", spec.ensemble_size));
  }
  Hamiltonian hamiltonian;
  hamiltonian.spec_ = spec;
  const bool separable = spec.dynamics.kind == DynamicsKind::kHnn;
  hamiltonian.energy_ = ReadNetwork(model, separable ? "potential" : "hamiltonian", member);
  if (spec.dynamics.mass == MassKind::kLearned) {
    hamiltonian.mass_ = ReadNetwork(model, "mass", member);
  }
  if (spec.dynamics.has_force) {
    hamiltonian.force_ = ReadNetwork(model, "force", member);
    hamiltonian.input_mean_ = Values(model, "input.mean");
    hamiltonian.input_std_ = Values(model, "input.std");
    hamiltonian.output_mean_ = Values(model, "output.mean");
    hamiltonian.output_std_ = Values(model, "output.std");
  }
  return hamiltonian;
}

Hamiltonian::Network Hamiltonian::ReadNetwork(const TransitionModel& model, const std::string& name,
                                              int member) {
  Network network;
  for (int i = 0;; ++i) {
    const NamedTensor* weight = FindTensor(model, absl::StrCat(name, ".", i, ".weight"));
    if (weight == nullptr) return network;
    const NamedTensor* bias = FindTensor(model, absl::StrCat(name, ".", i, ".bias"));
    Layer layer;
    layer.outputs = static_cast<int>(weight->shape[1]);
    layer.inputs = static_cast<int>(weight->shape[2]);
    const int64_t size = weight->shape[1] * weight->shape[2];
    layer.weight.assign(weight->data.begin() + member * size,
                        weight->data.begin() + (member + 1) * size);
    layer.bias.assign(bias->data.begin() + member * layer.outputs,
                      bias->data.begin() + (member + 1) * layer.outputs);
    network.push_back(std::move(layer));
  }
}

std::vector<double> Hamiltonian::Apply(const Network& network, std::vector<double> values) const {
  for (size_t i = 0; i < network.size(); ++i) {
    const Layer& layer = network[i];
    std::vector<double> next(layer.outputs);
    for (int row = 0; row < layer.outputs; ++row) {
      double sum = layer.bias[row];
      const float* weight = &layer.weight[static_cast<size_t>(row) * layer.inputs];
      for (int k = 0; k < layer.inputs; ++k) sum += weight[k] * values[k];
      next[row] = i + 1 < network.size() ? Activate(spec_.dynamics.activation, sum) : sum;
    }
    values = std::move(next);
  }
  return values;
}

std::vector<double> Hamiltonian::Features(absl::Span<const double> q) const {
  std::vector<double> features;
  for (const int angle : spec_.angular_positions) features.push_back(std::cos(q[angle]));
  for (const int angle : spec_.angular_positions) features.push_back(std::sin(q[angle]));
  const auto contains = [](const std::vector<int>& list, int value) {
    return std::binary_search(list.begin(), list.end(), value);
  };
  for (int i = 0; i < spec_.num_positions; ++i) {
    if (contains(spec_.angular_positions, i) || contains(spec_.ignored_positions, i)) continue;
    features.push_back(q[i]);
  }
  return features;
}

std::vector<double> Hamiltonian::Momentum(absl::Span<const double> q,
                                          absl::Span<const double> v) const {
  std::vector<double> p(v.begin(), v.end());
  if (mass_.empty()) return p;
  const int n = spec_.num_positions;
  const std::vector<double> outputs = Apply(mass_, Features(q));
  const auto triangle = [](int i, int j) { return static_cast<size_t>(i) * (i + 1) / 2 + j; };
  std::vector<double> lower = outputs;  // L: softplus on the diagonal, row by row
  for (int i = 0; i < n; ++i) lower[triangle(i, i)] = Softplus(outputs[triangle(i, i)]);
  std::vector<double> factor(lower.size());  // C with C C' = Minv
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = i == j ? spec_.dynamics.mass_epsilon : 0.0;
      for (int k = 0; k <= j; ++k) sum += lower[triangle(i, k)] * lower[triangle(j, k)];
      for (int k = 0; k < j; ++k) sum -= factor[triangle(i, k)] * factor[triangle(j, k)];
      factor[triangle(i, j)] = i == j ? std::sqrt(sum) : sum / factor[triangle(j, j)];
    }
  }
  for (int i = 0; i < n; ++i) {  // C y = v
    for (int k = 0; k < i; ++k) p[i] -= factor[triangle(i, k)] * p[k];
    p[i] /= factor[triangle(i, i)];
  }
  for (int i = n; i-- > 0;) {  // C' p = y
    for (int k = i + 1; k < n; ++k) p[i] -= factor[triangle(k, i)] * p[k];
    p[i] /= factor[triangle(i, i)];
  }
  return p;
}

double Hamiltonian::Energy(absl::Span<const double> state) const {
  const size_t n = spec_.num_positions;
  const absl::Span<const double> q = state.subspan(0, n), v = state.subspan(n, n);
  if (spec_.dynamics.kind == DynamicsKind::kHnnCanonical ||
      spec_.dynamics.kind == DynamicsKind::kPixelHnn) {
    return Apply(energy_, {state.begin(), state.end()})[0];
  }
  std::vector<double> inputs = Features(q);
  const std::vector<double> p = Momentum(q, v);
  if (spec_.dynamics.kind == DynamicsKind::kHnnNonseparable) {
    inputs.insert(inputs.end(), p.begin(), p.end());
    return Apply(energy_, std::move(inputs))[0];
  }
  double energy = Apply(energy_, std::move(inputs))[0];
  for (size_t i = 0; i < n; ++i) energy += 0.5 * p[i] * v[i];  // v = Minv p
  return energy;
}

double Hamiltonian::Power(absl::Span<const double> state, absl::Span<const float> control) const {
  if (force_.empty()) return 0.0;
  const size_t n = spec_.num_positions;
  std::vector<double> inputs = Features(state.subspan(0, n));
  inputs.insert(inputs.end(), state.begin() + n, state.end());
  inputs.insert(inputs.end(), control.begin(), control.end());
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = (inputs[i] - input_mean_[i]) / input_std_[i];
  }
  const std::vector<double> force = Apply(force_, std::move(inputs));
  double power = 0.0;
  for (size_t i = 0; i < n; ++i) {
    power += state[n + i] * (output_std_[i] * force[i] + output_mean_[i]);
  }
  return power;
}

}  // namespace rollout
