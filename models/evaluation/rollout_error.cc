#include "models/evaluation/rollout_error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double Median(std::vector<double> values) {
  if (values.empty()) return kNaN;
  const size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + middle, values.end());
  const double upper = values[middle];
  if (values.size() % 2 == 1) return upper;
  return 0.5 * (upper + *std::max_element(values.begin(), values.begin() + middle));
}

absl::Status CheckScale(const ErrorScale& scale, int state_size) {
  const auto wrong = [&](const char* name, size_t found) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", found, " numbers, the states have ", state_size));
  };
  const size_t expected = static_cast<size_t>(state_size);
  if (scale.state_scale.size() != expected) return wrong("state_scale", scale.state_scale.size());
  if (!scale.constant.empty() && scale.constant.size() != expected) {
    return wrong("the list of constant dimensions", scale.constant.size());
  }
  if (!scale.training_std.empty() && scale.training_std.size() != expected) {
    return wrong("the training standard deviation", scale.training_std.size());
  }
  return absl::OkStatus();
}

// The errors of one window, given its predicted trajectory.
WindowErrors::Window CompareWindow(const WindowSet& set, const RolloutWindow& window,
                                   const ErrorScale& scale, const std::vector<uint8_t>& constant,
                                   const float* predicted) {
  const int dimensions = set.state_size;
  std::vector<uint8_t> angular(dimensions, 0);
  for (const int index : scale.angular_positions) angular[index] = 1;
  const int counted = static_cast<int>(std::count(constant.begin(), constant.end(), 0));

  WindowErrors::Window result;
  result.episode = window.episode;
  result.length = window.length;
  result.first_non_finite = window.length + 1;
  result.mean_square.resize(window.length + 1);
  result.square.resize((window.length + 1) * dimensions);
  const bool paper = !scale.training_std.empty() && window.length >= kPaperSteps;
  if (paper) result.paper_square.resize(kPaperSteps);

  for (int64_t step = 0; step <= window.length; ++step) {
    const double* observed = set.state(window, step);
    double sum = 0.0, paper_sum = 0.0;
    for (int d = 0; d < dimensions; ++d) {
      const double value = predicted[step * dimensions + d];
      if (!std::isfinite(value)) {
        result.first_non_finite = std::min(result.first_non_finite, step);
      }
      double difference = value - observed[d];
      if (angular[d]) difference = std::remainder(difference, 2 * std::numbers::pi);
      const double normalised = difference / scale.state_scale[d];
      result.square[step * dimensions + d] = static_cast<float>(normalised * normalised);
      if (constant[d]) continue;
      sum += normalised * normalised;
      if (paper && step < kPaperSteps) {
        const double by_training_std = difference / scale.training_std[d];
        paper_sum += by_training_std * by_training_std;
      }
    }
    result.mean_square[step] = counted > 0 ? sum / counted : 0.0;
    if (paper && step < kPaperSteps) {
      result.paper_square[step] = counted > 0 ? paper_sum / counted : 0.0;
      result.paper_mean_square += result.paper_square[step] / kPaperSteps;
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<WindowErrors> MeasureErrors(Predictor& predictor, const WindowSet& set,
                                           const ErrorScale& scale, int64_t batch) {
  if (absl::Status status = CheckScale(scale, set.state_size); !status.ok()) return status;
  WindowErrors errors;
  errors.state_size = set.state_size;
  errors.constant = scale.constant;
  if (errors.constant.empty()) errors.constant.resize(set.state_size, 0);
  const int64_t total = static_cast<int64_t>(set.windows.size());
  std::vector<float> initial, controls, trajectory;
  for (int64_t begin = 0; begin < total; begin += batch) {
    const int64_t lanes = std::min(batch, total - begin);
    int64_t horizon = 1;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      horizon = std::max(horizon, set.windows[begin + lane].length);
    }
    initial.assign(lanes * set.state_size, 0.0f);
    controls.assign(lanes * horizon * set.num_controls, 0.0f);
    trajectory.assign(lanes * (horizon + 1) * set.state_size, 0.0f);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const RolloutWindow& window = set.windows[begin + lane];
      std::copy_n(set.state(window, 0), set.state_size, &initial[lane * set.state_size]);
      std::copy_n(set.control(window, 0), window.length * set.num_controls,
                  controls.data() + lane * horizon * set.num_controls);
    }
    const absl::Status status =
        predictor.Predict(lanes, horizon, initial, controls, absl::MakeSpan(trajectory));
    if (!status.ok()) return status;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      errors.windows.push_back(CompareWindow(set, set.windows[begin + lane], scale, errors.constant,
                                             &trajectory[lane * (horizon + 1) * set.state_size]));
    }
  }
  return errors;
}

std::vector<HorizonError> SummariseErrors(const WindowErrors& errors,
                                          absl::Span<const int64_t> horizons) {
  std::vector<HorizonError> result;
  for (const int64_t horizon : horizons) {
    HorizonError summary;
    summary.horizon = horizon;
    double sum = 0.0;
    std::vector<double> roots;
    std::vector<double> dimension_sum(errors.state_size, 0.0);
    std::vector<std::vector<double>> dimension_errors(errors.state_size);
    for (const WindowErrors::Window& window : errors.windows) {
      if (window.length < horizon) continue;
      if (window.first_non_finite <= horizon) {
        ++summary.non_finite;
        continue;
      }
      ++summary.windows;
      sum += window.mean_square[horizon];
      roots.push_back(std::sqrt(window.mean_square[horizon]));
      for (int d = 0; d < errors.state_size; ++d) {
        const double square = window.square[horizon * errors.state_size + d];
        dimension_sum[d] += square;
        dimension_errors[d].push_back(std::sqrt(square));
      }
    }
    const double count = static_cast<double>(summary.windows);
    summary.rmse = summary.windows > 0 ? std::sqrt(sum / count) : kNaN;
    summary.median = Median(std::move(roots));
    for (int d = 0; d < errors.state_size; ++d) {
      const bool counts = summary.windows > 0 && !errors.constant[d];
      summary.dimension_rmse.push_back(counts ? std::sqrt(dimension_sum[d] / count) : kNaN);
      summary.dimension_median.push_back(counts ? Median(std::move(dimension_errors[d])) : kNaN);
    }
    result.push_back(std::move(summary));
  }
  return result;
}

std::vector<int64_t> DoublingHorizons(int64_t longest) {
  std::vector<int64_t> horizons;
  for (int64_t horizon = 1; horizon < longest; horizon *= 2) horizons.push_back(horizon);
  horizons.push_back(longest);
  return horizons;
}

PaperError SummarisePaperError(const WindowErrors& errors) {
  PaperError result;
  std::vector<double> by_window;
  std::vector<double> by_step(kPaperSteps, 0.0);
  double sum = 0.0;
  for (const WindowErrors::Window& window : errors.windows) {
    if (window.paper_square.empty()) continue;
    if (window.first_non_finite < kPaperSteps) {
      ++result.non_finite;
      continue;
    }
    ++result.windows;
    sum += window.paper_mean_square;
    by_window.push_back(window.paper_mean_square);
    for (int64_t step = 0; step < kPaperSteps; ++step) by_step[step] += window.paper_square[step];
  }
  if (result.windows == 0) {
    result.mean = result.median_over_steps = result.median_over_windows = kNaN;
    return result;
  }
  const double count = static_cast<double>(result.windows);
  for (double& value : by_step) value /= count;
  result.mean = sum / count;
  result.median_over_steps = Median(std::move(by_step));
  result.median_over_windows = Median(std::move(by_window));
  return result;
}

int64_t UsefulHorizon(const WindowErrors& model, const WindowErrors& baseline, int64_t longest) {
  int64_t useful = 0;
  for (int64_t horizon = 1; horizon <= longest; ++horizon) {
    double model_sum = 0.0, baseline_sum = 0.0;
    int64_t windows = 0;
    for (size_t i = 0; i < model.windows.size(); ++i) {
      if (model.windows[i].length < horizon) continue;
      if (baseline.windows[i].first_non_finite <= horizon) continue;
      if (model.windows[i].first_non_finite <= horizon) return useful;
      ++windows;
      model_sum += model.windows[i].mean_square[horizon];
      baseline_sum += baseline.windows[i].mean_square[horizon];
    }
    if (windows == 0 || model_sum >= baseline_sum) return useful;
    useful = horizon;
  }
  return useful;
}

}  // namespace rollout
