// The loss of any kind of dynamics by LibTorch's autograd. Derivatives of a Hamiltonian are written
// out in models/dynamics, so that one backward pass is enough.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/dynamics/dynamics.h"
#include "models/dynamics/symplecticity.h"
#include "models/integrators/integrator.h"
#include "trainer/fitting/window_loss.h"

namespace rollout {
namespace {

template <typename Real>
constexpr at::ScalarType kType = c10::CppTypeToScalarType<Real>::value;

template <typename Real>
at::Tensor Copy(absl::Span<const Real> values) {
  return at::from_blob(const_cast<Real*>(values.data()), {static_cast<int64_t>(values.size())},
                       kType<Real>)
      .clone();
}

template <typename Real>
class AutogradLoss final : public BasicWindowLoss<Real> {
 public:
  AutogradLoss(const ModelParameters& parameters, std::vector<float> inverse_scale,
               int64_t window_transitions, std::unique_ptr<Integrator> integrator, LossNorm norm,
               double symplectic_weight);

  absl::Status Evaluate(absl::Span<const WindowBatch> batches, absl::Span<const Real> parameters,
                        absl::Span<double> losses, absl::Span<Real> gradient) override;

 private:
  // The tensors of the served model as functions of `flat` [E, member_size].
  ModelWeights Weights(const at::Tensor& flat) const;
  absl::Status EvaluateOrThrow(absl::Span<const WindowBatch> batches,
                               absl::Span<const Real> parameters, absl::Span<double> losses,
                               absl::Span<Real> gradient);

  // Data of either precision as tensors of this one.
  static at::Tensor Tensor(absl::Span<const float> values) { return Copy(values).to(kType<Real>); }

  struct Scaling {
    std::string first_weight, first_bias, last_weight, last_bias;
    at::Tensor mean;         // [in]
    at::Tensor inverse_std;  // [in]
    at::Tensor output_std;   // [out]
  };

  const ModelParameters& model_;
  const int64_t transitions_;
  std::unique_ptr<Integrator> integrator_;
  const LossNorm norm_;
  const double symplectic_weight_;
  at::Tensor inverse_scale_;  // [2n]
  double counted_dimensions_ = 0;
  std::vector<ModelWeights::Entry> normalisers_;
  std::vector<Scaling> scalings_;
};

template <typename Real>
AutogradLoss<Real>::AutogradLoss(const ModelParameters& parameters,
                                 std::vector<float> inverse_scale, int64_t window_transitions,
                                 std::unique_ptr<Integrator> integrator, LossNorm norm,
                                 double symplectic_weight)
    : model_(parameters),
      transitions_(window_transitions),
      integrator_(std::move(integrator)),
      norm_(norm),
      symplectic_weight_(symplectic_weight),
      inverse_scale_(Tensor(inverse_scale)) {
  for (const float inverse : inverse_scale) counted_dimensions_ += inverse > 0.0f;
  for (const NamedTensor& tensor : model_.normalisers()) {
    normalisers_.push_back({tensor.name, Tensor(tensor.data)});
  }
  const size_t last = model_.spec().dynamics.hidden_sizes.size();
  for (const NetworkScaling& scaling : model_.scalings()) {
    scalings_.push_back(
        {absl::StrCat(scaling.network, ".0.weight"), absl::StrCat(scaling.network, ".0.bias"),
         absl::StrCat(scaling.network, ".", last, ".weight"),
         absl::StrCat(scaling.network, ".", last, ".bias"), Tensor(scaling.input_mean),
         Tensor(scaling.input_std).reciprocal(), Tensor(scaling.output_std)});
  }
}

template <typename Real>
ModelWeights AutogradLoss<Real>::Weights(const at::Tensor& flat) const {
  std::vector<ModelWeights::Entry> entries = normalisers_;
  const int64_t members = flat.size(0);
  const size_t first_learned = entries.size();
  for (const LearnedTensor& tensor : model_.tensors()) {
    std::vector<int64_t> shape = {members};
    shape.insert(shape.end(), tensor.shape.begin(), tensor.shape.end());
    entries.push_back({tensor.name, flat.narrow(1, tensor.offset, tensor.size).view(shape)});
  }
  const auto find = [&](const std::string& name) -> at::Tensor& {
    return std::find_if(entries.begin() + first_learned, entries.end(),
                        [&](const ModelWeights::Entry& entry) { return entry.name == name; })
        ->value;
  };
  for (const Scaling& scaling : scalings_) {
    at::Tensor& weight = find(scaling.first_weight);
    weight = weight * scaling.inverse_std;
    at::Tensor& bias = find(scaling.first_bias);
    bias = bias - weight.matmul(scaling.mean);
    at::Tensor& last_weight = find(scaling.last_weight);
    last_weight = last_weight * scaling.output_std.unsqueeze(-1);
    at::Tensor& last_bias = find(scaling.last_bias);
    last_bias = last_bias * scaling.output_std;
  }
  return ModelWeights(std::move(entries));
}

template <typename Real>
absl::Status AutogradLoss<Real>::EvaluateOrThrow(absl::Span<const WindowBatch> batches,
                                                 absl::Span<const Real> parameters,
                                                 absl::Span<double> losses,
                                                 absl::Span<Real> gradient) {
  const int64_t members = static_cast<int64_t>(batches.size());
  const int64_t batch = batches[0].size;
  const int64_t size = model_.spec().state_size();
  const int64_t nu = model_.spec().num_controls;
  at::Tensor states = at::empty({transitions_ + 1, members, batch, size}, kType<Real>);
  at::Tensor controls = at::empty({transitions_, members, batch, nu}, kType<Real>);
  for (int64_t member = 0; member < members; ++member) {
    for (int64_t t = 0; t <= transitions_; ++t) {
      std::copy_n(&batches[member].states[t * batch * size], batch * size,
                  states.template data_ptr<Real>() + (t * members + member) * batch * size);
      if (t == transitions_) continue;
      std::copy_n(batches[member].controls.data() + t * batch * nu, batch * nu,
                  controls.template data_ptr<Real>() + (t * members + member) * batch * nu);
    }
  }
  at::Tensor flat =
      Copy<Real>(parameters).view({members, model_.member_size()}).requires_grad_(true);
  auto dynamics = MakeDynamics(model_.spec(), Weights(flat));
  if (!dynamics.ok()) return dynamics.status();

  CarriedState carried = (*dynamics)->Enter(states[0]);
  at::Tensor member_losses = at::zeros({members}, kType<Real>);
  const double factor =
      1.0 / (static_cast<double>((transitions_ + 1) * batch) * std::max(1.0, counted_dimensions_));
  const double regularisation = symplectic_weight_ / static_cast<double>(transitions_ + 1);
  const auto regularise = [&](const HeldControl& held) {
    if (symplectic_weight_ == 0.0) return;
    const at::Tensor jacobian = RateJacobian(**dynamics, carried, held, Differentiable::kYes);
    member_losses = member_losses + SymplecticAsymmetry(jacobian) * regularisation;
  };
  for (int64_t t = 0; t < transitions_; ++t) {
    const HeldControl held = (*dynamics)->Hold(carried, controls[t]);
    regularise(held);
    carried = integrator_->Transition(**dynamics, carried, held);
    const at::Tensor error = ((*dynamics)->Leave(carried) - states[t + 1]) * inverse_scale_;
    const at::Tensor norms = norm_ == LossNorm::kL2 ? error.square() : error.abs();
    member_losses = member_losses + norms.sum({1, 2}) * factor;
    if (t + 1 == transitions_) regularise(held);
  }
  member_losses.sum().backward();
  const at::Tensor detached = member_losses.detach();
  for (int64_t member = 0; member < members; ++member) {
    losses[member] = detached.template data_ptr<Real>()[member];
  }
  const at::Tensor flat_gradient = flat.grad().contiguous();
  std::copy_n(flat_gradient.template data_ptr<Real>(), gradient.size(), gradient.data());
  return absl::OkStatus();
}

template <typename Real>
absl::Status AutogradLoss<Real>::Evaluate(absl::Span<const WindowBatch> batches,
                                          absl::Span<const Real> parameters,
                                          absl::Span<double> losses, absl::Span<Real> gradient) {
  try {
    return EvaluateOrThrow(batches, parameters, losses, gradient);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch failed in a fit: ", error.what()));
  }
}

}  // namespace

template <typename Real>
absl::StatusOr<std::unique_ptr<BasicWindowLoss<Real>>> MakeAutogradWindowLoss(
    const ModelParameters& parameters, std::vector<float> inverse_scale, int64_t window_transitions,
    LossNorm norm, double symplectic_weight) {
  const TransitionModelSpec& spec = parameters.spec();
  if (spec.integrator.method == IntegratorMethod::kDopri5 ||
      spec.integrator.method == IntegratorMethod::kImplicitMidpoint) {
    return absl::InvalidArgumentError(
        absl::StrCat("a fit needs an integrator of fixed, explicit steps, found ",
                     Name(spec.integrator.method)));
  }
  auto integrator = MakeIntegrator(spec.integrator, spec.transition_dt);
  if (!integrator.ok()) return integrator.status();
  return std::make_unique<AutogradLoss<Real>>(parameters, std::move(inverse_scale),
                                              window_transitions, *std::move(integrator), norm,
                                              symplectic_weight);
}

template absl::StatusOr<std::unique_ptr<BasicWindowLoss<float>>> MakeAutogradWindowLoss<float>(
    const ModelParameters&, std::vector<float>, int64_t, LossNorm, double);
template absl::StatusOr<std::unique_ptr<BasicWindowLoss<double>>> MakeAutogradWindowLoss<double>(
    const ModelParameters&, std::vector<float>, int64_t, LossNorm, double);

}  // namespace rollout
