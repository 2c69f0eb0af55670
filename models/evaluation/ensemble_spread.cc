#include "models/evaluation/ensemble_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace rollout {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> Ranks(absl::Span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i)
      ranks[order[i]] = 0.5 * static_cast<double>(begin + end - 1);
    begin = end;
  }
  return ranks;
}

// What MeasureSpread gathers at one horizon.
struct Gathered {
  int64_t inside_one = 0, inside_two = 0, values = 0;
  std::vector<double> spread, error;  // one of each per window
};

// Adds one window at one step, given every member's state there. False where one is not finite.
bool AddWindow(absl::Span<const float* const> members, const double* observed,
               const ErrorScale& scale, const std::vector<uint8_t>& angular, int dimensions,
               Gathered* gathered) {
  const double count = static_cast<double>(members.size());
  double spread_sum = 0.0, error_sum = 0.0;
  int64_t inside_one = 0, inside_two = 0, counted = 0;
  for (int d = 0; d < dimensions; ++d) {
    if (!scale.constant.empty() && scale.constant[d]) continue;
    double sum = 0.0, squares = 0.0;
    for (const float* member : members) {
      if (!std::isfinite(member[d])) return false;
      double difference = member[d] - observed[d];
      if (angular[d]) difference = std::remainder(difference, 2 * std::numbers::pi);
      sum += difference / scale.state_scale[d];
      squares += difference * difference / (scale.state_scale[d] * scale.state_scale[d]);
    }
    const double error = sum / count;
    const double variance = std::max(0.0, squares / count - error * error);
    const double spread = std::sqrt(variance);
    inside_one += std::abs(error) <= spread;
    inside_two += std::abs(error) <= 2 * spread;
    spread_sum += variance;
    error_sum += error * error;
    ++counted;
  }
  gathered->inside_one += inside_one;
  gathered->inside_two += inside_two;
  gathered->values += counted;
  gathered->spread.push_back(std::sqrt(spread_sum));
  gathered->error.push_back(std::sqrt(error_sum));
  return true;
}

}  // namespace

double RankCorrelation(absl::Span<const double> x, absl::Span<const double> y) {
  if (x.size() != y.size() || x.size() < 3) return kNaN;
  const std::vector<double> a = Ranks(x), b = Ranks(y);
  const double mean = 0.5 * static_cast<double>(x.size() - 1);
  double covariance = 0.0, variance_a = 0.0, variance_b = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    covariance += (a[i] - mean) * (b[i] - mean);
    variance_a += (a[i] - mean) * (a[i] - mean);
    variance_b += (b[i] - mean) * (b[i] - mean);
  }
  if (variance_a == 0.0 || variance_b == 0.0) return kNaN;
  return covariance / std::sqrt(variance_a * variance_b);
}

TransitionModel SingleMember(const TransitionModel& ensemble, int index) {
  TransitionModel member;
  member.spec = ensemble.spec;
  member.spec.ensemble_size = 1;
  for (const NamedTensor& tensor : ensemble.weights) {
    NamedTensor slice = tensor;
    // Normalisers have no leading axis of members.
    if (!absl::StartsWith(tensor.name, "input.") && !absl::StartsWith(tensor.name, "output.")) {
      const int64_t size = static_cast<int64_t>(tensor.data.size()) / ensemble.spec.ensemble_size;
      slice.shape[0] = 1;
      slice.data.assign(tensor.data.begin() + index * size,
                        tensor.data.begin() + (index + 1) * size);
    }
    member.weights.push_back(std::move(slice));
  }
  return member;
}

absl::StatusOr<std::vector<SpreadQuality>> MeasureSpread(
    absl::Span<const std::unique_ptr<Predictor>> members, const WindowSet& set,
    const ErrorScale& scale, absl::Span<const int64_t> horizons, int64_t batch) {
  if (members.size() < 2) {
    return absl::InvalidArgumentError("the spread of an ensemble needs at least two members");
  }
  const int dimensions = set.state_size;
  std::vector<uint8_t> angular(dimensions, 0);
  for (const int index : scale.angular_positions) angular[index] = 1;
  std::vector<Gathered> gathered(horizons.size());
  const int64_t total = static_cast<int64_t>(set.windows.size());
  for (int64_t begin = 0; begin < total; begin += batch) {
    const int64_t lanes = std::min(batch, total - begin);
    int64_t longest = 1;
    for (int64_t i = 0; i < lanes; ++i) longest = std::max(longest, set.windows[begin + i].length);
    std::vector<float> initial(lanes * dimensions);
    std::vector<float> controls(lanes * longest * set.num_controls, 0.0f);
    for (int64_t i = 0; i < lanes; ++i) {
      const RolloutWindow& window = set.windows[begin + i];
      std::copy_n(set.state(window, 0), dimensions, &initial[i * dimensions]);
      std::copy_n(set.control(window, 0), window.length * set.num_controls,
                  controls.data() + i * longest * set.num_controls);
    }
    std::vector<std::vector<float>> trajectories(members.size());
    for (size_t member = 0; member < members.size(); ++member) {
      trajectories[member].resize(lanes * (longest + 1) * dimensions);
      const absl::Status status = members[member]->Predict(lanes, longest, initial, controls,
                                                           absl::MakeSpan(trajectories[member]));
      if (!status.ok()) return status;
    }
    std::vector<const float*> states(members.size());
    for (int64_t i = 0; i < lanes; ++i) {
      const RolloutWindow& window = set.windows[begin + i];
      for (size_t h = 0; h < horizons.size(); ++h) {
        if (window.length < horizons[h]) continue;
        const int64_t offset = (i * (longest + 1) + horizons[h]) * dimensions;
        for (size_t member = 0; member < members.size(); ++member) {
          states[member] = &trajectories[member][offset];
        }
        AddWindow(states, set.state(window, horizons[h]), scale, angular, dimensions, &gathered[h]);
      }
    }
  }
  std::vector<SpreadQuality> result;
  for (size_t h = 0; h < horizons.size(); ++h) {
    SpreadQuality quality;
    quality.horizon = horizons[h];
    quality.windows = static_cast<int64_t>(gathered[h].error.size());
    const double values = static_cast<double>(gathered[h].values);
    quality.coverage_one = values > 0 ? static_cast<double>(gathered[h].inside_one) / values : kNaN;
    quality.coverage_two = values > 0 ? static_cast<double>(gathered[h].inside_two) / values : kNaN;
    quality.rank_correlation = RankCorrelation(gathered[h].spread, gathered[h].error);
    result.push_back(quality);
  }
  return result;
}

}  // namespace rollout
