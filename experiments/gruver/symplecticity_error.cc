#include "experiments/gruver/symplecticity_error.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <exception>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/dynamics/symplecticity.h"

namespace rollout {
namespace {

constexpr int64_t kStride = 10;
constexpr int64_t kLanes = 200;  // at once

}  // namespace

absl::StatusOr<double> SymplecticityError(const TransitionModel& model,
                                          const std::vector<ObservedEpisode>& truth) try {
  const at::NoGradGuard no_gradients;
  const at::TensorOptions exact(at::kDouble);
  const auto weights = ModelWeights::FromModel(model, exact);
  if (!weights.ok()) return weights.status();
  const auto dynamics = MakeDynamics(model.spec, *weights);
  if (!dynamics.ok()) return dynamics.status();
  const int64_t size = model.spec.state_size();
  std::vector<double> states;
  for (const ObservedEpisode& episode : truth) {
    for (int64_t t = 0; t <= episode.num_steps; t += kStride) {
      states.insert(states.end(), episode.states.begin() + t * size,
                    episode.states.begin() + (t + 1) * size);
    }
  }
  const int64_t count = static_cast<int64_t>(states.size()) / size;
  double sum = 0.0;
  for (int64_t first = 0; first < count; first += kLanes) {
    const int64_t lanes = std::min(kLanes, count - first);
    const at::Tensor state = at::from_blob(&states[first * size], {1, lanes, size}, exact);
    const CarriedState carried = (*dynamics)->Enter(state);
    const HeldControl held = (*dynamics)->Hold(carried, at::empty({1, lanes, 0}, exact));
    const at::Tensor jacobian = RateJacobian(**dynamics, carried, held, Differentiable::kNo);
    sum += SymplecticAsymmetry(jacobian).item<double>() * static_cast<double>(lanes);
  }
  return sum / static_cast<double>(count);
} catch (const std::exception& error) {
  return absl::InternalError(
      absl::StrCat("LibTorch failed in a symplecticity error: ", error.what()));
}

}  // namespace rollout
