#include "experiments/greydanus/pixel_fit.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "models/dynamics/dynamics.h"
#include "models/dynamics/pixel_autoencoder.h"
#include "systems/pixels/pendulum_frames.h"

namespace rollout {
namespace {

static_assert(kFramePixels == kFrameNumbers, "frames are drawn as models see them");
constexpr int64_t kPair = 2 * kFramePixels;
constexpr int kLatent = 2;  // one position, one momentum

TransitionModelSpec MakeSpec(const PixelFitOptions& options) {
  TransitionModelSpec spec;
  spec.name = "pixels";
  spec.num_positions = kLatent / 2;
  spec.transition_dt = 1.0;
  spec.integrator = {.method = IntegratorMethod::kRk4, .substeps = 1};
  spec.dynamics = {.kind = options.kind, .hidden_sizes = options.hidden_sizes};
  if (options.kind == DynamicsKind::kPixelHnn) {
    spec.dynamics.autoencoder_width = options.autoencoder_width;
  }
  spec.state_scale.assign(kLatent, 1.0f);
  return spec;
}

// The dynamics' tensors and those of the autoencoder, which the baseline has as well.
std::vector<TensorShape> Tensors(const PixelFitOptions& options) {
  std::vector<TensorShape> tensors = ExpectedTensors(MakeSpec(options));
  if (options.kind == DynamicsKind::kPixelHnn) return tensors;
  PixelFitOptions with_autoencoder = options;
  with_autoencoder.kind = DynamicsKind::kPixelHnn;
  for (TensorShape& tensor : ExpectedTensors(MakeSpec(with_autoencoder))) {
    if (tensor.name.starts_with("encoder.") || tensor.name.starts_with("decoder.")) {
      tensors.push_back(std::move(tensor));
    }
  }
  return tensors;
}

// The dynamics' last layer has no bias in the papers' code.
AbsentBias LastBias(const TransitionModelSpec& spec) {
  const std::string network = Networks(spec)[0].name;
  return [name = absl::StrCat(network, ".", spec.dynamics.hidden_sizes.size(), ".bias")](
             const std::string& bias) { return bias == name; };
}

void CopySample(const float* sample, float* earlier, float* later) {
  std::copy_n(sample, kPair, earlier);
  std::copy_n(sample + kFramePixels, kPair, later);
}

absl::Status Failure(const std::exception& error) {
  return absl::InternalError(absl::StrCat("LibTorch failed in a fit: ", error.what()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PixelFit>> PixelFit::Create(const Films& films,
                                                           const PixelFitOptions& options) {
  auto fit = std::unique_ptr<PixelFit>(new PixelFit(films, options));
  fit->spec_ = MakeSpec(options);
  if (absl::Status status = ValidateSpec(fit->spec_); !status.ok()) return status;
  Random random(options.seed);
  const AbsentBias absent = LastBias(fit->spec_);
  std::vector<ModelWeights::Entry> entries;
  for (const NamedTensor& tensor : InitialWeights(Tensors(options), absent, random)) {
    at::Tensor value = at::empty(tensor.shape);
    std::copy(tensor.data.begin(), tensor.data.end(), value.data_ptr<float>());
    entries.push_back({tensor.name, std::move(value)});
  }
  fit->weights_ = ModelWeights(std::move(entries));
  fit->weights_.RequireGradients(true);
  fit->adam_.emplace(fit->weights_, options.weight_decay, absent);
  return fit;
}

absl::StatusOr<at::Tensor> PixelFit::LossOfPairs(const at::Tensor& pairs) const {
  const auto dynamics = MakeDynamics(spec_, weights_);
  if (!dynamics.ok()) return dynamics.status();
  const PixelAutoencoder autoencoder(weights_);
  const int64_t batch = pairs.size(1);
  const at::Tensor latents = autoencoder.Encode(pairs.view({2 * batch, kPair}));
  const at::Tensor earlier = latents.narrow(0, 0, batch), later = latents.narrow(0, batch, batch);
  const CarriedState start = (*dynamics)->Enter(earlier.unsqueeze(0));
  const Rates rates =
      (*dynamics)->Derivative(start, (*dynamics)->Hold(start, at::empty({1, batch, 0})));
  const at::Tensor change = at::cat({rates.position, rates.momentum}, 1);
  const at::Tensor position = earlier.narrow(1, 0, 1), momentum = earlier.narrow(1, 1, 1);
  return (autoencoder.Decode(earlier) - pairs[0]).square().mean() +
         (momentum - (later.narrow(1, 0, 1) - position)).square().mean() +
         0.1 * (later - (earlier + change)).square().mean();
}

absl::Status PixelFit::Step() try {
  // Drawn with replacement, as np.random.choice is not, but over 16,000 samples nearly the same.
  Random random(DeriveSeed(options_.seed, static_cast<uint64_t>(step_) + 1));
  at::Tensor pairs = at::empty({2, options_.batch, kPair});
  float* const earlier = pairs.data_ptr<float>();
  float* const later = earlier + options_.batch * kPair;
  for (int64_t i = 0; i < options_.batch; ++i) {
    const int64_t sample = static_cast<int64_t>(random.UniformInteger(films_.num_samples()));
    CopySample(films_.Sample(sample), earlier + i * kPair, later + i * kPair);
  }
  const auto loss = LossOfPairs(pairs);
  if (!loss.ok()) return loss.status();
  if (!std::isfinite(loss->item<float>())) {
    return absl::InternalError(absl::StrCat("the loss is not finite at step ", step_));
  }
  loss->backward();
  adam_->Step(step_, options_.learning_rate);
  ++step_;
  return absl::OkStatus();
} catch (const std::exception& error) {
  return Failure(error);
}

absl::Status PixelFit::Restore(const FitState& state) {
  if (absl::Status status = adam_->Restore(state); !status.ok()) return status;
  step_ = state.step;
  return absl::OkStatus();
}

absl::StatusOr<TransitionModel> PixelFit::Model(const std::string& name, double frame_dt) const
    try {
  const at::NoGradGuard no_gradients;
  TransitionModel model{spec_, weights_.ToFloat32()};
  model.spec.name = name;
  model.spec.transition_dt = frame_dt;
  const std::string last =
      absl::StrCat("hamiltonian.", spec_.dynamics.hidden_sizes.size(), ".weight");
  for (NamedTensor& tensor : model.weights) {
    if (tensor.name != last) continue;  // dz/dt in seconds; H's constant does not matter
    for (float& value : tensor.data) value /= static_cast<float>(frame_dt);
  }
  // The scale of errors: how far the latent states of the training films spread.
  at::Tensor pairs = at::empty({films_.num_samples(), kPair});
  for (int64_t i = 0; i < films_.num_samples(); ++i) {
    std::copy_n(films_.Sample(i), kPair, pairs.data_ptr<float>() + i * kPair);
  }
  const at::Tensor latents = PixelAutoencoder(weights_).Encode(pairs);
  const std::vector<int64_t> over_samples = {0};
  const at::Tensor spread =
      (latents - latents.mean(over_samples)).square().mean(over_samples).sqrt().contiguous();
  for (int d = 0; d < kLatent; ++d) {
    model.spec.state_scale[d] = std::max(spread.data_ptr<float>()[d], 1e-6f);
  }
  if (absl::Status status = ValidateSpec(model.spec); !status.ok()) return status;
  return model;
} catch (const std::exception& error) {
  return Failure(error);
}

absl::StatusOr<double> PixelFit::Loss(const Films& films) const try {
  const at::NoGradGuard no_gradients;
  constexpr int64_t kChunk = 500;
  double sum = 0.0;
  for (int64_t first = 0; first < films.num_samples(); first += kChunk) {
    const int64_t count = std::min(kChunk, films.num_samples() - first);
    at::Tensor pairs = at::empty({2, count, kPair});
    float* const earlier = pairs.data_ptr<float>();
    for (int64_t i = 0; i < count; ++i) {
      CopySample(films.Sample(first + i), earlier + i * kPair, earlier + (count + i) * kPair);
    }
    const auto loss = LossOfPairs(pairs);
    if (!loss.ok()) return loss.status();
    sum += loss->item<double>() * static_cast<double>(count);
  }
  return sum / static_cast<double>(films.num_samples());
} catch (const std::exception& error) {
  return Failure(error);
}

}  // namespace rollout
