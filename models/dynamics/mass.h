// The inverse mass matrix as a function of position.
#ifndef ROLLOUT_MODELS_DYNAMICS_MASS_H_
#define ROLLOUT_MODELS_DYNAMICS_MASS_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "models/dynamics/mlp.h"
#include "models/dynamics/position_columns.h"

namespace rollout {

// Minv(q) at the positions of a batch of lanes.
class MassAtPosition {
 public:
  virtual ~MassAtPosition() = default;

  // v = Minv(q) p, [.., B, n] → [.., B, n].
  virtual at::Tensor Velocity(const at::Tensor& p) const = 0;

  // ½ p' Minv(q) p with its derivatives: v = ∂/∂p, and ∂/∂(columns of q), undefined where it is
  // zero.
  struct Kinetic {
    at::Tensor velocity;
    at::Tensor column_gradient;
  };
  virtual Kinetic Differentiate(const at::Tensor& p) const = 0;

  // p = M(q) v: solved in float64 whatever the dtype, since M is badly conditioned where a diagonal
  // entry of L is small. A lane whose mass is not positive definite (non-finite positions) becomes
  // NaN, alone.
  virtual at::Tensor Momentum(const at::Tensor& v) const = 0;
};

// Immutable; outlives what At returns.
class Mass {
 public:
  virtual ~Mass() = default;
  // At the columns of q (PositionColumns).
  virtual std::unique_ptr<MassAtPosition> At(const at::Tensor& columns) const = 0;
};

// Minv = I exactly, v = p bit for bit.
class IdentityMass : public Mass {
 public:
  std::unique_ptr<MassAtPosition> At(const at::Tensor& columns) const override;
};

// Minv(q) = L L' + epsilon I. The network's n(n+1)/2 outputs fill the lower triangle of L row by
// row, with softplus on the diagonal.
class LearnedMass : public Mass {
 public:
  LearnedMass(const TransitionModelSpec& spec, const ModelWeights& weights);
  std::unique_ptr<MassAtPosition> At(const at::Tensor& columns) const override;

 private:
  int64_t num_positions_;
  double epsilon_;
  Mlp network_;          // the last layer gives all n² entries of L, zeros above the diagonal
  at::Tensor diagonal_;  // [n, n], true on the diagonal
};

std::unique_ptr<Mass> MakeMass(const TransitionModelSpec& spec, const ModelWeights& weights);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_MASS_H_
