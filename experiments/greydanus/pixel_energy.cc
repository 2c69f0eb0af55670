#include "experiments/greydanus/pixel_energy.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "experiments/greydanus/energy_rollouts.h"
#include "models/dynamics/dynamics.h"
#include "models/dynamics/pixel_autoencoder.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/pixels/pendulum_frames.h"

namespace rollout {
namespace {

constexpr int64_t kPair = 2 * kFramePixels;

// The states that a film of `frames` frames shows.
std::vector<double> TrueStates(const EquationsOfMotion& mechanics, absl::Span<const double> first,
                               int64_t frames) {
  std::vector<double> state(first.begin(), first.end()), states;
  DormandPrince solver(2);
  for (int64_t frame = 0; frame < frames; ++frame) {
    states.insert(states.end(), state.begin(), state.end());
    solver.Advance(
        [&](absl::Span<const double> x, absl::Span<double> dx) { mechanics.Derivative(x, {}, dx); },
        mechanics.info().dt, absl::MakeSpan(state));
  }
  return states;
}

ModelWeights InFloat64(const ModelWeights& weights) {
  std::vector<ModelWeights::Entry> entries;
  for (const ModelWeights::Entry& entry : weights.entries()) {
    entries.push_back({entry.name, entry.value.to(at::kDouble)});
  }
  return ModelWeights(std::move(entries));
}

// The later frames of the pairs that `latents` [T, 2] decode to, [T, 28 x 28].
std::vector<float> LaterFrames(const PixelAutoencoder& autoencoder, const at::Tensor& latents) {
  const at::Tensor frames =
      autoencoder.Decode(latents).narrow(1, kFramePixels, kFramePixels).to(at::kFloat).contiguous();
  return {frames.data_ptr<float>(), frames.data_ptr<float>() + frames.numel()};
}

// The latent state at each frame but the first of `film`, by looking at it: [T, 2].
at::Tensor EncodeFilm(const PixelAutoencoder& autoencoder, const Films& film) {
  at::Tensor pairs = at::empty({film.length - 1, kPair});
  for (int64_t t = 0; t + 1 < film.length; ++t) {
    std::copy_n(&film.frames[t * kFramePixels], kPair, pairs.data_ptr<float>() + t * kPair);
  }
  return autoencoder.Encode(pairs.to(at::kDouble));
}

// The latent state at the same frames, by the dynamics from the first of them on.
at::Tensor RollOut(const Dynamics& dynamics, const at::Tensor& first, int64_t points) {
  const at::Tensor start = first.contiguous();
  std::vector<double> state(start.data_ptr<double>(), start.data_ptr<double>() + 2);
  std::vector<double> states;
  DormandPrince solver(2, kModelSolver);
  for (int64_t point = 0; point < points; ++point) {
    states.insert(states.end(), state.begin(), state.end());
    solver.Advance([&](absl::Span<const double> x,
                       absl::Span<double> dx) { ModelDerivative(dynamics, x, dx); },
                   1.0, absl::MakeSpan(state));
  }
  return at::from_blob(states.data(), {points, 2}, at::TensorOptions(at::kDouble)).clone();
}

}  // namespace

double FilmEnergyError(const EquationsOfMotion& mechanics, absl::Span<const float> frames,
                       double energy) {
  const PendulumFrameReader reader;
  const size_t points = frames.size() / kFramePixels;
  std::vector<double> angles;
  for (size_t point = 0; point < points; ++point) {
    const absl::Span<const float> frame = frames.subspan(point * kFramePixels, kFramePixels);
    if (!std::all_of(frame.begin(), frame.end(), [](float x) { return std::isfinite(x); })) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    angles.push_back(reader.Angle(frame));
  }
  double squares = 0.0;
  for (size_t point = 1; point + 1 < points; ++point) {
    // The shorter way around between neighbours.
    const double turned =
        std::remainder(angles[point + 1] - angles[point - 1], 2.0 * std::numbers::pi);
    const double state[] = {angles[point], turned / (2.0 * mechanics.info().dt)};
    const double difference = mechanics.Energy(state) - energy;
    squares += difference * difference;
  }
  return squares / static_cast<double>(points - 2);
}

absl::StatusOr<PixelEnergyError> MeasurePixelEnergy(const EquationsOfMotion& mechanics,
                                                    const GreydanusTask& task, const PixelFit& fit,
                                                    const std::vector<double>& first_states) try {
  const c10::InferenceMode inference;
  const ModelWeights weights = InFloat64(fit.weights());
  const PixelAutoencoder autoencoder(weights);
  const auto dynamics = MakeDynamics(fit.dynamics_spec(), weights);
  if (!dynamics.ok()) return dynamics.status();
  PixelEnergyError error;
  for (int i = 0; i < task.rollouts; ++i) {
    const absl::Span<const double> first = absl::MakeConstSpan(first_states).subspan(i * 2, 2);
    const double energy = mechanics.Energy(first);
    const Films film = Film(TrueStates(mechanics, first, task.points + 1), task.points + 1);
    const at::Tensor seen = EncodeFilm(autoencoder, film);
    const at::Tensor predicted = RollOut(**dynamics, seen[0], task.points);
    error.rollout.push_back(
        FilmEnergyError(mechanics, LaterFrames(autoencoder, predicted), energy));
    error.autoencoder.push_back(FilmEnergyError(mechanics, LaterFrames(autoencoder, seen), energy));
    error.reading.push_back(
        FilmEnergyError(mechanics, absl::MakeConstSpan(film.frames).subspan(kFramePixels), energy));
  }
  return error;
} catch (const std::exception& exception) {
  return absl::InternalError(
      absl::StrCat("LibTorch failed in an energy rollout: ", exception.what()));
}

}  // namespace rollout
