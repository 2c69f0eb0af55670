#include "experiments/gruver/rollout_metrics.h"

#include <algorithm>
#include <cmath>

namespace rollout {
namespace {

constexpr double kLeast = 1e-7;

double LogRelative(double difference, double sum) {
  return std::log(std::max(sum > 0.0 ? difference / sum : 0.0, kLeast));
}

double LogEnergyError(double energy, double actual) {
  return LogRelative(std::abs(energy - actual), std::abs(energy) + std::abs(actual));
}

double RootMeanSquare(absl::Span<const double> values) {
  double squares = 0.0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace

RolloutMetrics MeasureRollouts(const EquationsOfMotion& mechanics,
                               const std::vector<ObservedEpisode>& truth,
                               absl::Span<const float> predicted) {
  const size_t size = 2 * static_cast<size_t>(mechanics.info().num_positions);
  const size_t times = static_cast<size_t>(truth[0].num_steps) + 1;
  RolloutMetrics metrics;
  std::vector<double> rollout_logs(times, 0.0), energy_logs(times, 0.0), energy_squares(times, 0.0);
  std::vector<double> state(size), difference(size);
  double squares = 0.0, count = 0.0, as_coded_sum = 0.0;
  const bool has_as_coded =
      mechanics.EnergyWithVelocityAsMomentum(absl::MakeConstSpan(truth[0].states).first(size))
          .has_value();
  for (size_t lane = 0; lane < truth.size(); ++lane) {
    const absl::Span<const float> lane_predicted =
        predicted.subspan(lane * times * size, times * size);
    if (!std::all_of(lane_predicted.begin(), lane_predicted.end(),
                     [](float x) { return std::isfinite(x); })) {
      ++metrics.not_finite;
      continue;
    }
    ++count;
    for (size_t t = 0; t < times; ++t) {
      const absl::Span<const double> actual =
          absl::MakeConstSpan(truth[lane].states).subspan(t * size, size);
      for (size_t d = 0; d < size; ++d) {
        state[d] = lane_predicted[t * size + d];
        difference[d] = state[d] - actual[d];
        squares += difference[d] * difference[d];
      }
      rollout_logs[t] +=
          LogRelative(RootMeanSquare(difference), RootMeanSquare(state) + RootMeanSquare(actual));
      const double energy_log = LogEnergyError(mechanics.Energy(state), mechanics.Energy(actual));
      energy_logs[t] += energy_log;
      if (has_as_coded && t > 0) {
        as_coded_sum += LogEnergyError(*mechanics.EnergyWithVelocityAsMomentum(state),
                                       *mechanics.EnergyWithVelocityAsMomentum(actual));
      }
      energy_squares[t] += energy_log * energy_log;
    }
  }
  const double later = static_cast<double>(times - 1);
  double rollout_sum = 0.0, energy_sum = 0.0;
  for (size_t t = 1; t < times; ++t) {
    metrics.rollout_error_at.push_back(std::exp(rollout_logs[t] / count));
    const double energy_mean = energy_logs[t] / count;
    metrics.energy_error_at.push_back(std::exp(energy_mean));
    metrics.energy_log_deviation_at.push_back(
        std::sqrt(std::max(0.0, energy_squares[t] / count - energy_mean * energy_mean)));
    rollout_sum += rollout_logs[t] / count;
    energy_sum += energy_mean;
  }
  metrics.mse = squares / (count * static_cast<double>(times * size));
  metrics.rollout_error = std::exp(rollout_sum / later);
  metrics.energy_error = std::exp(energy_sum / later);
  // With the first time, which counts as kLeast.
  const auto as_coded = [&](double sum) {
    return std::exp((sum + std::log(kLeast)) / (later + 1.0));
  };
  metrics.rollout_error_as_coded = as_coded(rollout_sum);
  if (has_as_coded) metrics.energy_error_as_coded = as_coded(as_coded_sum / count);
  return metrics;
}

}  // namespace rollout
