#include "trainer/fitting/data_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr int64_t kDisplacementWindow = 200;
constexpr double kWiden = 0.1;

// Mean and standard deviation of a stream of vectors (Welford).
class Moments {
 public:
  explicit Moments(size_t size) : mean_(size, 0.0), squares_(size, 0.0) {}

  void Add(size_t index, double value) {
    const double delta = value - mean_[index];
    mean_[index] += delta / static_cast<double>(count_ + 1);
    squares_[index] += delta * (value - mean_[index]);
  }
  // After every index had its value.
  void Next() { ++count_; }

  const std::vector<double>& mean() const { return mean_; }
  double Deviation(size_t index) const {
    return count_ == 0 ? 0.0 : std::sqrt(squares_[index] / static_cast<double>(count_));
  }
  bool IsConstant(size_t index) const {
    return Deviation(index) < 1e-6 * std::max(1.0, std::abs(mean_[index]));
  }
  std::vector<double> DeviationsOrOne() const {
    std::vector<double> result(mean_.size());
    for (size_t i = 0; i < result.size(); ++i) result[i] = IsConstant(i) ? 1.0 : Deviation(i);
    return result;
  }

 private:
  int64_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> squares_;
};

absl::Status CheckFinite(const ObservedEpisode& episode, size_t index, int state_size,
                         int num_controls) {
  const auto bad = [&](const char* what, size_t at, int width) {
    return absl::InvalidArgumentError(absl::StrCat("training episode ", index, ", step ",
                                                   at / width, ": ", what, " ", at % width,
                                                   " is not finite"));
  };
  for (size_t i = 0; i < episode.states.size(); ++i) {
    if (!std::isfinite(episode.states[i])) return bad("state dimension", i, state_size);
  }
  for (size_t i = 0; i < episode.controls.size(); ++i) {
    if (!std::isfinite(episode.controls[i])) return bad("control", i, num_controls);
  }
  return absl::OkStatus();
}

// Writes f(q) and returns how many numbers it has: cosines, sines, then the other positions that
// are not ignored.
size_t WriteFeatures(const DatasetInfo& info, const double* q, double* features) {
  size_t count = 0;
  for (const int a : info.angular_positions) features[count++] = std::cos(q[a]);
  for (const int a : info.angular_positions) features[count++] = std::sin(q[a]);
  for (int i = 0; i < info.num_positions; ++i) {
    const auto in = [i](const std::vector<int>& list) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    if (!in(info.angular_positions) && !in(info.ignored_positions)) features[count++] = q[i];
  }
  return count;
}

}  // namespace

absl::StatusOr<DataStatistics> MeasureData(const std::vector<ObservedEpisode>& episodes,
                                           const DatasetInfo& info) {
  const int n = info.num_positions;
  const int size = 2 * n;
  const int nu = info.num_controls;
  const size_t features = n + info.angular_positions.size() - info.ignored_positions.size();
  Moments state(size), input(features + n + nu), rate(size), displacement(size);
  std::vector<double> low(size, std::numeric_limits<double>::infinity());
  std::vector<double> high(size, -std::numeric_limits<double>::infinity());
  std::vector<double> row(features + n + nu);
  int64_t transitions = 0;
  for (size_t e = 0; e < episodes.size(); ++e) {
    const ObservedEpisode& episode = episodes[e];
    if (absl::Status status = CheckFinite(episode, e, size, nu); !status.ok()) return status;
    for (int64_t t = 0; t <= episode.num_steps; ++t) {
      const double* z = &episode.states[t * size];
      const double* window_start = &episode.states[(t - t % kDisplacementWindow) * size];
      for (int d = 0; d < size; ++d) {
        state.Add(d, z[d]);
        displacement.Add(d, z[d] - window_start[d]);
        low[d] = std::min(low[d], z[d]);
        high[d] = std::max(high[d], z[d]);
      }
      state.Next();
      displacement.Next();
      if (t == episode.num_steps) break;
      WriteFeatures(info, z, row.data());
      std::copy_n(z + n, n, row.begin() + features);
      std::copy_n(episode.controls.data() + t * nu, nu, row.begin() + features + n);
      for (size_t i = 0; i < row.size(); ++i) input.Add(i, row[i]);
      input.Next();
      for (int d = 0; d < size; ++d) rate.Add(d, (z[size + d] - z[d]) / info.dt);
      rate.Next();
      ++transitions;
    }
  }
  if (transitions == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the training episodes hold no transition (", episodes.size(), " episodes)"));
  }

  DataStatistics statistics;
  statistics.state_std = state.DeviationsOrOne();
  statistics.state_scale = statistics.state_std;
  for (const int a : info.angular_positions) {
    const double uniform = std::numbers::pi / std::numbers::sqrt3;
    statistics.state_scale[a] = std::min(statistics.state_scale[a], uniform);
  }
  const std::vector<double> moved = displacement.DeviationsOrOne();
  for (const int i : info.ignored_positions) statistics.state_scale[i] = moved[i];
  statistics.input_mean = input.mean();
  statistics.input_std = input.DeviationsOrOne();
  statistics.rate_mean = rate.mean();
  statistics.rate_std = rate.DeviationsOrOne();
  for (int d = 0; d < size; ++d) {
    statistics.constant.push_back(state.IsConstant(d));
    const double margin = kWiden * (high[d] - low[d]);
    statistics.data_low.push_back(static_cast<float>(low[d] - margin));
    statistics.data_high.push_back(static_cast<float>(high[d] + margin));
  }
  return statistics;
}

std::vector<float> InverseLossScale(const DataStatistics& statistics) {
  std::vector<float> inverse;
  for (size_t d = 0; d < statistics.state_scale.size(); ++d) {
    inverse.push_back(statistics.constant[d] ? 0.0f
                                             : static_cast<float>(1.0 / statistics.state_scale[d]));
  }
  return inverse;
}

}  // namespace rollout
