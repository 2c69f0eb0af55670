#include "experiments/greydanus/derivative_fit.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "models/dynamics/dynamics.h"

namespace rollout {
namespace {

TransitionModelSpec MakeSpec(int size, double dt, const DerivativeFitOptions& options) {
  TransitionModelSpec spec;
  spec.name = "derivatives";
  spec.num_positions = size / 2;
  spec.transition_dt = dt;
  spec.integrator = {.method = IntegratorMethod::kRk4, .substeps = 1};
  spec.dynamics = {.kind = options.kind, .hidden_sizes = options.hidden_sizes};
  spec.state_scale.assign(size, 1.0f);
  return spec;
}

// The networks of the papers' code have no bias in their last layer.
AbsentBias LastBias(const TransitionModelSpec& spec) {
  return [last = absl::StrCat(".", spec.dynamics.hidden_sizes.size(), ".bias")](
             const std::string& name) { return name.ends_with(last); };
}

at::Tensor Rows(const std::vector<float>& values, int64_t rows, int64_t size) {
  return at::from_blob(const_cast<float*>(values.data()), {rows, size});
}

// mean (dx - f(x))^2 over samples and dimensions.
at::Tensor MeanSquaredError(const Dynamics& dynamics, const at::Tensor& states,
                            const at::Tensor& derivatives) {
  const int64_t n = states.size(1) / 2;
  const CarriedState carried = dynamics.Enter(states.unsqueeze(0));
  const HeldControl held = dynamics.Hold(carried, at::empty({1, states.size(0), 0}));
  const Rates rates = dynamics.Derivative(carried, held);
  return (at::cat({rates.position, rates.momentum}, 1).view({-1, 2 * n}) - derivatives)
      .square()
      .mean();
}

absl::Status Failure(const std::exception& error) {
  return absl::InternalError(absl::StrCat("LibTorch failed in a fit: ", error.what()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DerivativeFit>> DerivativeFit::Create(
    const DerivativeSamples& samples, double dt, const DerivativeFitOptions& options) {
  auto fit = std::unique_ptr<DerivativeFit>(new DerivativeFit(samples, options));
  fit->spec_ = MakeSpec(samples.size, dt, options);
  if (absl::Status status = ValidateSpec(fit->spec_); !status.ok()) return status;
  Random random(options.seed);
  const AbsentBias absent = LastBias(fit->spec_);
  auto weights = ModelWeights::FromModel(
      {fit->spec_, InitialWeights(ExpectedTensors(fit->spec_), absent, random)}, at::kFloat);
  if (!weights.ok()) return weights.status();
  fit->weights_ = *std::move(weights);
  fit->weights_.RequireGradients(true);
  fit->adam_.emplace(fit->weights_, options.weight_decay, absent);
  return fit;
}

absl::Status DerivativeFit::Step() try {
  const int64_t count = samples_.count();
  const int64_t batch = options_.batch == 0 ? count : std::min(options_.batch, count);
  std::vector<float> states, derivatives;
  if (batch == count) {
    states = samples_.states;
    derivatives = samples_.derivatives;
  } else {  // drawn with replacement, as np.random.choice is not, but over 1e5 samples the same
    Random random(DeriveSeed(options_.seed, static_cast<uint64_t>(step_) + 1));
    for (int64_t i = 0; i < batch; ++i) {
      const int64_t row = static_cast<int64_t>(random.UniformInteger(count)) * samples_.size;
      states.insert(states.end(), &samples_.states[row], &samples_.states[row] + samples_.size);
      derivatives.insert(derivatives.end(), &samples_.derivatives[row],
                         &samples_.derivatives[row] + samples_.size);
    }
  }
  auto dynamics = MakeDynamics(spec_, weights_);
  if (!dynamics.ok()) return dynamics.status();
  const at::Tensor loss = MeanSquaredError(**dynamics, Rows(states, batch, samples_.size),
                                           Rows(derivatives, batch, samples_.size));
  if (!std::isfinite(loss.item<float>())) {
    return absl::InternalError(absl::StrCat("the loss is not finite at step ", step_));
  }
  loss.backward();
  adam_->Step(step_, options_.learning_rate);
  ++step_;
  return absl::OkStatus();
} catch (const std::exception& error) {
  return Failure(error);
}

absl::Status DerivativeFit::Restore(const FitState& state) {
  if (absl::Status status = adam_->Restore(state); !status.ok()) return status;
  step_ = state.step;
  return absl::OkStatus();
}

absl::StatusOr<double> DerivativeFit::Loss(const DerivativeSamples& samples) const try {
  auto dynamics = MakeDynamics(spec_, weights_);
  if (!dynamics.ok()) return dynamics.status();
  return MeanSquaredError(**dynamics, Rows(samples.states, samples.count(), samples.size),
                          Rows(samples.derivatives, samples.count(), samples.size))
      .item<float>();
} catch (const std::exception& error) {
  return Failure(error);
}

TransitionModel DerivativeFit::Model() const { return {spec_, weights_.ToFloat32()}; }

}  // namespace rollout
