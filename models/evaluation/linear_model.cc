#include "models/evaluation/linear_model.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"

namespace rollout {

bool SolveCholesky(int k, int m, absl::Span<double> a, absl::Span<double> b) {
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = a[i * k + j];
      for (int l = 0; l < j; ++l) sum -= a[i * k + l] * a[j * k + l];
      if (i != j) {
        a[i * k + j] = sum / a[j * k + j];
      } else if (sum > 0) {
        a[i * k + i] = std::sqrt(sum);
      } else {
        return false;
      }
    }
  }
  for (int column = 0; column < m; ++column) {
    for (int i = 0; i < k; ++i) {
      double sum = b[i * m + column];
      for (int l = 0; l < i; ++l) sum -= a[i * k + l] * b[l * m + column];
      b[i * m + column] = sum / a[i * k + i];
    }
    for (int i = k - 1; i >= 0; --i) {
      double sum = b[i * m + column];
      for (int l = i + 1; l < k; ++l) sum -= a[l * k + i] * b[l * m + column];
      b[i * m + column] = sum / a[i * k + i];
    }
  }
  return true;
}

void LinearModel::Standardise(const double* state, const double* control, double* row) const {
  const int inputs = state_size_ + num_controls_;
  for (int i = 0; i < inputs; ++i) {
    const double value = i < state_size_ ? state[i] : control[i - state_size_];
    row[i] = inverse_[i] == 0.0 ? 0.0 : (value - mean_[i]) * inverse_[i];
  }
  row[inputs] = 1.0;
}

absl::StatusOr<LinearModel> LinearModel::Fit(const std::vector<ObservedEpisode>& episodes,
                                             int state_size, int num_controls,
                                             absl::Span<const int> ignored_positions,
                                             double ridge) {
  LinearModel model;
  model.state_size_ = state_size;
  model.num_controls_ = num_controls;
  const int inputs = state_size + num_controls;
  std::vector<double> sum(inputs, 0.0), squares(inputs, 0.0), first(inputs, 0.0);
  int64_t transitions = 0;
  for (const ObservedEpisode& episode : episodes) {
    for (int64_t t = 0; t < episode.num_steps; ++t, ++transitions) {
      for (int i = 0; i < inputs; ++i) {
        const double value = i < state_size ? episode.states[t * state_size + i]
                                            : episode.controls[t * num_controls + i - state_size];
        if (transitions == 0) first[i] = value;  // shifts the sums, against cancellation
        sum[i] += value - first[i];
        squares[i] += (value - first[i]) * (value - first[i]);
      }
    }
  }
  if (transitions == 0) {
    return absl::InvalidArgumentError("the linear model needs at least one transition, found none");
  }
  const double count = static_cast<double>(transitions);
  model.mean_.resize(inputs);
  model.inverse_.resize(inputs);
  for (int i = 0; i < inputs; ++i) {
    const double shifted_mean = sum[i] / count;
    model.mean_[i] = first[i] + shifted_mean;
    const double variance = std::max(0.0, squares[i] / count - shifted_mean * shifted_mean);
    const double deviation = std::sqrt(variance);
    const bool constant = deviation < 1e-6 * std::max(1.0, std::abs(model.mean_[i]));
    model.inverse_[i] = constant ? 0.0 : 1.0 / deviation;
  }
  for (const int ignored : ignored_positions) model.inverse_[ignored] = 0.0;

  const int k = inputs + 1;
  std::vector<double> normal(k * k, 0.0), target(k * state_size, 0.0), row(k);
  for (const ObservedEpisode& episode : episodes) {
    for (int64_t t = 0; t < episode.num_steps; ++t) {
      const double* state = &episode.states[t * state_size];
      model.Standardise(state, episode.controls.data() + t * num_controls, row.data());
      for (int i = 0; i < k; ++i) {
        for (int j = 0; j <= i; ++j) normal[i * k + j] += row[i] * row[j];
        for (int d = 0; d < state_size; ++d) {
          target[i * state_size + d] += row[i] * (state[state_size + d] - state[d]);
        }
      }
    }
  }
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < i; ++j) normal[j * k + i] = normal[i * k + j];
    if (i < inputs) normal[i * k + i] += ridge * count;
  }
  if (!SolveCholesky(k, state_size, absl::MakeSpan(normal), absl::MakeSpan(target))) {
    return absl::InternalError("the normal equations of the linear model are singular");
  }
  model.weights_ = std::move(target);
  return model;
}

absl::Status LinearModel::Predict(int64_t lanes, int64_t horizon,
                                  absl::Span<const float> initial_states,
                                  absl::Span<const float> controls, absl::Span<float> trajectory) {
  const int k = state_size_ + num_controls_ + 1;
  std::vector<double> state(state_size_), control(num_controls_), row(k);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    std::copy_n(&initial_states[lane * state_size_], state_size_, state.begin());
    for (int64_t step = 0;; ++step) {
      float* out = &trajectory[(lane * (horizon + 1) + step) * state_size_];
      for (int d = 0; d < state_size_; ++d) out[d] = static_cast<float>(state[d]);
      if (step == horizon) break;
      std::copy_n(controls.data() + (lane * horizon + step) * num_controls_, num_controls_,
                  control.begin());
      Standardise(state.data(), control.data(), row.data());
      for (int i = 0; i < k; ++i) {
        if (row[i] == 0.0) continue;
        for (int d = 0; d < state_size_; ++d) state[d] += row[i] * weights_[i * state_size_ + d];
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace rollout
