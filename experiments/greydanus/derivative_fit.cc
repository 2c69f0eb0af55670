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

// A [rows, columns] matrix with orthonormal rows or columns (whichever there are fewer of), by
// Gram and Schmidt's process on normal numbers.
std::vector<float> OrthogonalMatrix(int64_t rows, int64_t columns, Random& random) {
  const bool wide = columns >= rows;
  const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<std::vector<double>> vectors(count, std::vector<double>(length));
  for (int64_t i = 0; i < count; ++i) {
    std::vector<double>& vector = vectors[i];
    for (double& value : vector) value = random.Normal();
    for (int pass = 0; pass < 2; ++pass) {  // twice is enough for rounding
      for (int64_t j = 0; j < i; ++j) {
        double dot = 0.0;
        for (int64_t k = 0; k < length; ++k) dot += vector[k] * vectors[j][k];
        for (int64_t k = 0; k < length; ++k) vector[k] -= dot * vectors[j][k];
      }
    }
    double squares = 0.0;
    for (const double value : vector) squares += value * value;
    for (double& value : vector) value /= std::sqrt(squares);
  }
  std::vector<float> matrix(rows * columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      matrix[row * columns + column] =
          static_cast<float>(wide ? vectors[row][column] : vectors[column][row]);
    }
  }
  return matrix;
}

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

bool IsLastBias(const TransitionModelSpec& spec, const std::string& name) {
  const std::string last = absl::StrCat(".", spec.dynamics.hidden_sizes.size(), ".bias");
  return name.size() > last.size() && name.ends_with(last);
}

// Orthogonal weights, hidden biases uniform within 1/sqrt(inputs) (PyTorch's default), identity
// normalisers.
TransitionModel InitialModel(const TransitionModelSpec& spec, uint64_t seed) {
  TransitionModel model;
  model.spec = spec;
  Random random(seed);
  int64_t inputs = 1;
  for (const TensorShape& tensor : ExpectedTensors(spec)) {
    int64_t size = 1;
    for (const int64_t extent : tensor.shape) size *= extent;
    std::vector<float> data(size, 0.0f);
    if (tensor.name.ends_with(".weight")) {
      inputs = tensor.shape[2];
      data = OrthogonalMatrix(tensor.shape[1], inputs, random);
    } else if (tensor.name.ends_with(".std")) {
      std::fill(data.begin(), data.end(), 1.0f);
    } else if (tensor.name.ends_with(".bias") && !IsLastBias(spec, tensor.name)) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
      for (float& value : data) value = static_cast<float>(random.Uniform(-bound, bound));
    }
    model.weights.push_back({tensor.name, tensor.shape, std::move(data)});
  }
  return model;
}

at::Tensor Rows(const std::vector<float>& values, int64_t rows, int64_t size) {
  return at::from_blob(const_cast<float*>(values.data()), {rows, size});
}

// mean (dx - f(x))^2 over samples and dimensions.
at::Tensor MeanSquaredError(const Dynamics& dynamics, const at::Tensor& states,
                            const at::Tensor& derivatives) {
  const int64_t n = states.size(1) / 2;
  const CarriedState carried = dynamics.Enter(states.unsqueeze(0));
  const HeldControl held = dynamics.Hold(at::empty({1, states.size(0), 0}));
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
  auto weights = ModelWeights::FromModel(InitialModel(fit->spec_, options.seed), at::kFloat);
  if (!weights.ok()) return weights.status();
  fit->weights_ = *std::move(weights);
  fit->weights_.RequireGradients(true);
  for (const ModelWeights::Entry& entry : fit->weights_.entries()) {
    if (!ModelWeights::IsLearned(entry.name)) continue;
    fit->adams_.emplace_back(static_cast<size_t>(entry.value.numel()), options.weight_decay);
  }
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
  size_t learned = 0;
  for (const ModelWeights::Entry& entry : weights_.entries()) {
    if (!ModelWeights::IsLearned(entry.name)) continue;
    Adam& adam = adams_[learned++];
    at::Tensor gradient = entry.value.grad();
    if (!gradient.defined() || IsLastBias(spec_, entry.name)) continue;
    gradient = gradient.contiguous();
    const size_t size = static_cast<size_t>(entry.value.numel());
    adam.Step(step_, options_.learning_rate, absl::MakeConstSpan(gradient.data_ptr<float>(), size),
              absl::MakeSpan(entry.value.data_ptr<float>(), size));
    entry.value.mutable_grad() = at::Tensor();
  }
  ++step_;
  return absl::OkStatus();
} catch (const std::exception& error) {
  return Failure(error);
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
