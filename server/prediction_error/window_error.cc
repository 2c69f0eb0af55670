#include "server/prediction_error/window_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace rollout {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kConstantRange = 1e-6;

bool IsConstant(const TransitionModelSpec& spec, int d) {
  if (spec.data_low.empty()) return false;
  const auto& ignored = spec.ignored_positions;
  if (std::find(ignored.begin(), ignored.end(), d) != ignored.end()) return false;
  const double low = spec.data_low[d], high = spec.data_high[d];
  return high - low <= kConstantRange * std::max(1.0, std::abs(0.5 * (low + high)));
}

}  // namespace

StateDifference::StateDifference(const TransitionModelSpec& spec)
    : inverse_scale_(spec.state_size(), 0.0), is_angular_(spec.state_size(), 0) {
  for (const int index : spec.angular_positions) is_angular_[index] = 1;
  for (int d = 0; d < spec.state_size(); ++d) {
    if (IsConstant(spec, d)) continue;
    inverse_scale_[d] = 1.0 / spec.state_scale[d];
    ++num_counted_;
  }
}

double StateDifference::MeanSquare(absl::Span<const double> a, absl::Span<const double> b) const {
  double sum = 0.0;
  for (int d = 0; d < state_size(); ++d) {
    double difference = a[d] - b[d];
    if (is_angular_[d]) difference = std::remainder(difference, 2 * std::numbers::pi);
    const double scaled = difference * inverse_scale_[d];  // NaN stays NaN, also times 0
    sum += scaled * scaled;
  }
  return num_counted_ > 0 ? sum / num_counted_ : sum;
}

std::vector<float> StateDifference::Squares(absl::Span<const double> a,
                                            absl::Span<const double> b) const {
  std::vector<float> squares(state_size());
  for (int d = 0; d < state_size(); ++d) {
    double difference = a[d] - b[d];
    if (is_angular_[d]) difference = std::remainder(difference, 2 * std::numbers::pi);
    squares[d] = static_cast<float>(difference * difference);
  }
  return squares;
}

double StateDifference::MeanOfSquares(absl::Span<const float> squares) const {
  double sum = 0.0;
  for (int d = 0; d < state_size(); ++d) {
    sum += squares[d] * inverse_scale_[d] * inverse_scale_[d];
  }
  return num_counted_ > 0 ? sum / num_counted_ : sum;
}

std::vector<WindowError> CompareWindow(const PredictionWindow& window,
                                       absl::Span<const float> trajectory,
                                       const StateDifference& difference) {
  const size_t size = difference.state_size();
  const auto first_bad =
      std::find_if(trajectory.begin(), trajectory.end(), [](float x) { return !std::isfinite(x); });
  const int64_t finite_steps = (first_bad - trajectory.begin()) / static_cast<int64_t>(size);
  std::vector<WindowError> errors;
  for (int k = window.first; k <= window.last; ++k) {
    WindowError error;
    error.horizon_index = k;
    error.window_id = window.id;
    error.finite = HorizonAt(k) < finite_steps;
    if (error.finite) {
      const auto observed =
          absl::MakeConstSpan(window.observed).subspan((k - window.first) * size, size);
      const auto predicted = trajectory.subspan(HorizonAt(k) * size, size);
      const std::vector<double> state(predicted.begin(), predicted.end());
      error.squared = difference.MeanSquare(state, observed);
      error.squared_difference = difference.Squares(state, observed);
      error.baseline_squared = difference.MeanSquare(window.start, observed);
    }
    errors.push_back(std::move(error));
  }
  return errors;
}

void HorizonErrors::Add(const WindowError& error) {
  if (error.finite) {
    totals_.squared_error += error.squared;
    totals_.baseline_squared_error += error.baseline_squared;
    ++totals_.finite_windows;
  } else {
    ++totals_.non_finite_windows;
  }
  if (static_cast<int64_t>(ring_.size()) < capacity_) {
    ring_.push_back(error);
    return;
  }
  ring_[next_] = error;
  next_ = (next_ + 1) % capacity_;
}

HorizonErrors::Recent HorizonErrors::recent() const {
  double squared = 0.0, baseline = 0.0;
  int64_t finite = 0;
  for (const WindowError& error : ring_) {
    if (!error.finite) continue;
    squared += error.squared;
    baseline += error.baseline_squared;
    ++finite;
  }
  Recent recent;
  recent.windows = static_cast<int64_t>(ring_.size());
  recent.rmse = finite > 0 ? std::sqrt(squared / finite) : kNan;
  recent.skill = baseline > 0 ? 1.0 - squared / baseline : kNan;
  recent.diverged_ratio =
      recent.windows > 0 ? static_cast<double>(recent.windows - finite) / recent.windows : kNan;
  return recent;
}

std::vector<double> HorizonErrors::DimensionErrors(const StateDifference& difference) const {
  std::vector<double> errors(difference.state_size(), 0.0);
  int64_t finite = 0;
  for (const WindowError& error : ring_) {
    if (!error.finite) continue;
    ++finite;
    for (size_t d = 0; d < errors.size(); ++d) errors[d] += error.squared_difference[d];
  }
  for (size_t d = 0; d < errors.size(); ++d) {
    const double scale = difference.inverse_scale(static_cast<int>(d));
    errors[d] = finite > 0 && scale > 0 ? std::sqrt(errors[d] / finite) * scale : kNan;
  }
  return errors;
}

}  // namespace rollout
