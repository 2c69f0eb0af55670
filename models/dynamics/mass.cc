#include "models/dynamics/mass.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <tuple>
#include <utility>

#include "models/dynamics/softplus.h"

namespace rollout {
namespace {

class IdentityMassAtPosition : public MassAtPosition {
 public:
  at::Tensor Velocity(const at::Tensor& p) const override { return p; }
  Kinetic Differentiate(const at::Tensor& p) const override { return {p, {}}; }
  at::Tensor Momentum(const at::Tensor& v) const override { return v; }
};

// y = A x for one matrix per lane.
at::Tensor MatrixVector(const at::Tensor& matrix, const at::Tensor& vector) {
  return at::matmul(matrix, vector.unsqueeze(-1)).squeeze(-1);
}

class LearnedMassAtPosition : public MassAtPosition {
 public:
  LearnedMassAtPosition(const Mlp& network, const at::Tensor& columns, int64_t n, double epsilon,
                        const at::Tensor& diagonal)
      : network_(network), epsilon_(epsilon), diagonal_(diagonal) {
    const at::Tensor out = network_.Forward(columns, &trace_);
    std::vector<int64_t> shape = out.sizes().vec();
    shape.back() = n;
    shape.push_back(n);
    raw_ = out.view(shape);
    lower_ = at::where(diagonal_, Softplus(raw_), raw_);
  }

  at::Tensor Velocity(const at::Tensor& p) const override {
    const at::Tensor w = MatrixVector(lower_.transpose(-1, -2), p);
    return at::add(MatrixVector(lower_, w), p, epsilon_);
  }

  // With w = L'p the kinetic energy is ½ |w|² + ½ epsilon |p|², hence ∂/∂L_ij = p_i w_j.
  Kinetic Differentiate(const at::Tensor& p) const override {
    const at::Tensor w = MatrixVector(lower_.transpose(-1, -2), p);
    const at::Tensor velocity = at::add(MatrixVector(lower_, w), p, epsilon_);
    const at::Tensor by_entry = at::mul(p.unsqueeze(-1), w.unsqueeze(-2));
    const at::Tensor by_raw = at::where(diagonal_, SoftplusBackward(by_entry, raw_), by_entry);
    return {velocity, network_.InputCotangent(trace_, by_raw.flatten(-2))};
  }

  at::Tensor Momentum(const at::Tensor& v) const override {
    // On the CPU, where LAPACK is: this happens once per rollout.
    const at::TensorOptions exact = at::TensorOptions(at::kCPU).dtype(at::kDouble);
    const at::Tensor lower = lower_.to(exact);
    const int64_t n = lower.size(-1);
    const at::Tensor inverse_mass =
        at::matmul(lower, lower.transpose(-1, -2)).add(at::eye(n, exact), epsilon_);
    const auto [factor, failed] = at::linalg_cholesky_ex(inverse_mass);
    at::Tensor p = at::cholesky_solve(v.to(exact).unsqueeze(-1), factor).squeeze(-1);
    p = p.masked_fill(failed.ne(0).unsqueeze(-1), std::numeric_limits<double>::quiet_NaN());
    return p.to(v.options());
  }

 private:
  const Mlp& network_;
  double epsilon_;
  at::Tensor diagonal_;
  Mlp::Trace trace_;
  at::Tensor raw_;    // [.., B, n, n] before the softplus on the diagonal
  at::Tensor lower_;  // [.., B, n, n] L
};

// The last layer's rows spread from the packed lower triangle to all n² entries.
std::vector<LayerWeights> SpreadTriangle(std::vector<LayerWeights> layers, int64_t n) {
  const int64_t packed = n * (n + 1) / 2;
  std::vector<int64_t> source(static_cast<size_t>(n * n), packed);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j) source[static_cast<size_t>(i * n + j)] = i * (i + 1) / 2 + j;
  }
  LayerWeights& last = layers.back();
  const at::TensorOptions options = last.weight.options().requires_grad(false);
  const at::Tensor rows = at::tensor(source, at::TensorOptions(at::kLong)).to(options.device());
  const int64_t members = last.weight.size(0);
  const at::Tensor no_weight = at::zeros({members, 1, last.weight.size(2)}, options);
  const at::Tensor no_bias = at::zeros({members, 1}, options);
  last.weight = at::cat({last.weight, no_weight}, 1).index_select(1, rows);
  last.bias = at::cat({last.bias, no_bias}, 1).index_select(1, rows);
  return layers;
}

}  // namespace

std::unique_ptr<MassAtPosition> IdentityMass::At(const at::Tensor&) const {
  return std::make_unique<IdentityMassAtPosition>();
}

LearnedMass::LearnedMass(const TransitionModelSpec& spec, const ModelWeights& weights)
    : num_positions_(spec.num_positions),
      epsilon_(spec.dynamics.mass_epsilon),
      network_(SpreadTriangle(FindLayersOverColumns(spec, weights, "mass"), spec.num_positions),
               spec.dynamics.activation),
      diagonal_(at::eye(spec.num_positions, at::TensorOptions(at::kBool))
                    .to(weights.Find("mass.0.weight").device())) {}

std::unique_ptr<MassAtPosition> LearnedMass::At(const at::Tensor& columns) const {
  return std::make_unique<LearnedMassAtPosition>(network_, columns, num_positions_, epsilon_,
                                                 diagonal_);
}

std::unique_ptr<Mass> MakeMass(const TransitionModelSpec& spec, const ModelWeights& weights) {
  if (spec.dynamics.mass == MassKind::kIdentity) return std::make_unique<IdentityMass>();
  return std::make_unique<LearnedMass>(spec, weights);
}

}  // namespace rollout
