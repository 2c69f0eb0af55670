// Do the controls stand beside the transitions that they caused? A log that pairs a state with the
// control before or after it gives models that look good one step ahead and fail in a plan.
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer/collection/dataset_check.h"

namespace rollout {
namespace {

constexpr int64_t kMostSamples = 40000;  // enough for a fit of some 150 coefficients
constexpr int64_t kSamplesPerFeature = 10;
constexpr double kRidge = 1e-6;       // of standardised features
constexpr double kClearGain = 0.02;   // in R^2, by which another shift must be better
constexpr double kLittleGain = 1e-3;  // below which controls explain nothing

// Rows of numbers, all of one length.
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<double> values;
  double* row(size_t i) { return &values[i * columns]; }
  const double* row(size_t i) const { return &values[i * columns]; }
};

// [constant, features of z, controls at each shift, change of the velocities] of as many
// transitions as are wanted, evenly taken from those that have every shift within their episode.
struct Samples {
  size_t num_state_features = 0;  // the constant included
  Matrix table;
};

void AppendSample(const DatasetInfo& info, const Episode& episode, int64_t t, Matrix* table) {
  const int width = info.num_positions + info.num_velocities;
  const double* before = &episode.states[t * width];
  const double* after = before + width;
  std::vector<double> row = {1.0};
  for (int i = 0; i < width; ++i) {
    if (i < info.num_positions &&
        std::binary_search(info.ignored_positions.begin(), info.ignored_positions.end(), i)) {
      continue;
    }
    if (i < info.num_positions &&
        std::binary_search(info.angular_positions.begin(), info.angular_positions.end(), i)) {
      row.push_back(std::cos(before[i]));
      row.push_back(std::sin(before[i]));
    } else {
      row.push_back(before[i]);
    }
  }
  for (int shift = 0; shift < kNumShifts; ++shift) {
    const double* control = &episode.actions[(t - kFirstShift - shift) * info.num_controls];
    row.insert(row.end(), control, control + info.num_controls);
  }
  for (int i = info.num_positions; i < width; ++i) row.push_back(after[i] - before[i]);
  if (!std::all_of(row.begin(), row.end(), [](double x) { return std::isfinite(x); })) return;
  table->columns = row.size();
  table->values.insert(table->values.end(), row.begin(), row.end());
  ++table->rows;
}

Samples TakeSamples(const DatasetInfo& info, const std::vector<Episode>& episodes) {
  constexpr int64_t kBefore = kFirstShift + kNumShifts - 1, kAfter = -kFirstShift;
  int64_t available = 0;
  for (const Episode& episode : episodes) {
    available += std::max<int64_t>(0, episode.num_steps() - kBefore - kAfter);
  }
  const int64_t stride = std::max<int64_t>(1, available / kMostSamples);
  Samples samples;
  int64_t number = 0;
  for (const Episode& episode : episodes) {
    for (int64_t t = kBefore; t + kAfter < episode.num_steps(); ++t) {
      if (number++ % stride == 0) AppendSample(info, episode, t, &samples.table);
    }
  }
  samples.num_state_features = 1 + info.num_positions - info.ignored_positions.size() +
                               info.angular_positions.size() + info.num_velocities;
  return samples;
}

// Every column but the constant gets mean 0 and deviation 1; those that do not move become 0.
void Standardise(Matrix* table) {
  for (size_t column = 1; column < table->columns; ++column) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < table->rows; ++i) sum += table->row(i)[column];
    const double mean = sum / static_cast<double>(table->rows);
    for (size_t i = 0; i < table->rows; ++i) {
      const double difference = table->row(i)[column] - mean;
      squares += difference * difference;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(table->rows));
    const bool moves = deviation > 1e-9 * std::max(1.0, std::abs(mean));
    for (size_t i = 0; i < table->rows; ++i) {
      double& value = table->row(i)[column];
      value = moves ? (value - mean) / deviation : 0.0;
    }
  }
}

// Table^T Table / rows.
Matrix Gram(const Matrix& table) {
  Matrix gram{.rows = table.columns, .columns = table.columns, .values = {}};
  gram.values.assign(table.columns * table.columns, 0.0);
  for (size_t k = 0; k < table.rows; ++k) {
    const double* row = table.row(k);
    for (size_t i = 0; i < table.columns; ++i) {
      for (size_t j = 0; j <= i; ++j) gram.row(i)[j] += row[i] * row[j];
    }
  }
  for (size_t i = 0; i < table.columns; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      gram.row(i)[j] /= static_cast<double>(table.rows);
      gram.row(j)[i] = gram.row(i)[j];
    }
  }
  return gram;
}

// The part of the targets' variance that the features explain linearly (R^2, mean over the targets
// that move), from their moments: ridge regression by Cholesky's factorisation.
double ExplainedPart(const Matrix& gram, const std::vector<size_t>& features, size_t first_target) {
  const size_t n = features.size();
  Matrix factor{.rows = n, .columns = n, .values = {}};
  factor.values.assign(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double value = gram.row(features[i])[features[j]] + (i == j ? kRidge : 0.0);
      for (size_t k = 0; k < j; ++k) value -= factor.row(i)[k] * factor.row(j)[k];
      factor.row(i)[j] = i == j ? std::sqrt(std::max(value, kRidge)) : value / factor.row(j)[j];
    }
  }
  double sum = 0.0;
  int moving = 0;
  std::vector<double> projected(n);
  for (size_t target = first_target; target < gram.columns; ++target) {
    const double variance = gram.row(target)[target];
    if (variance < 0.5) continue;  // standardised: 1, or 0 where it does not move
    double explained = 0.0;
    for (size_t i = 0; i < n; ++i) {
      double value = gram.row(features[i])[target];
      for (size_t k = 0; k < i; ++k) value -= factor.row(i)[k] * projected[k];
      projected[i] = value / factor.row(i)[i];
      explained += projected[i] * projected[i];
    }
    sum += explained / variance;
    ++moving;
  }
  return moving == 0 ? 0.0 : sum / moving;
}

std::string Consequence(int shift) {
  if (shift < 0) {
    return absl::StrFormat(
        "Row t of actions seems to hold the control of %d step earlier: drop "
        "the first row of actions (and the last state) of each episode.",
        -shift);
  }
  return absl::StrFormat(
      "Controls seem to act %d step(s) after the row they stand in: move actions "
      "down by %d row(s), or, if the actuators really lag, put the controls "
      "still under way into the state.",
      shift, shift);
}

void Judge(double without_controls, DatasetReport* report) {
  const std::array<double, kNumShifts>& explained = report->control_timing.explained;
  const auto best = std::max_element(explained.begin(), explained.end());
  const int shift = kFirstShift + static_cast<int>(best - explained.begin());
  const double unshifted = explained[-kFirstShift];
  if (shift != 0 && *best - unshifted > kClearGain) {
    report->findings.push_back(
        {.check = "control_timing",
         .found =
             absl::StrFormat("The change of the velocities is explained best by the control "
                             "applied %d step(s) %s (R^2 %.3f; %.3f by the control beside "
                             "it).",
                             std::abs(shift), shift > 0 ? "earlier" : "later", *best, unshifted),
         .remedy = Consequence(shift)});
  } else if (*best - without_controls < kLittleGain) {
    report->findings.push_back(
        {.severity = Severity::kWarning,
         .check = "control_timing",
         .found = absl::StrFormat("The controls explain nothing of the change of the velocities "
                                  "(R^2 %.4f with them, %.4f without).",
                                  unshifted, without_controls),
         .remedy = "Check that actions are those of these episodes and that the actuators were on; "
                   "if the controls follow from the state alone, add noise to them."});
  }
}

}  // namespace

void CheckControlTiming(const DatasetInfo& info, const std::vector<Episode>& episodes,
                        DatasetReport* report) {
  if (info.num_controls == 0) return;
  Samples samples = TakeSamples(info, episodes);
  const size_t num_controls = static_cast<size_t>(info.num_controls);
  if (static_cast<int64_t>(samples.table.rows) <
      kSamplesPerFeature * static_cast<int64_t>(samples.num_state_features + num_controls)) {
    return;
  }
  Standardise(&samples.table);
  const Matrix gram = Gram(samples.table);
  const size_t first_control = samples.num_state_features;
  const size_t first_target = first_control + kNumShifts * num_controls;
  std::vector<size_t> state_features;
  for (size_t i = 0; i < first_control; ++i) state_features.push_back(i);
  for (int shift = 0; shift < kNumShifts; ++shift) {
    std::vector<size_t> features = state_features;
    for (size_t i = 0; i < num_controls; ++i) {
      features.push_back(first_control + static_cast<size_t>(shift) * num_controls + i);
    }
    report->control_timing.explained[shift] = ExplainedPart(gram, features, first_target);
  }
  report->control_timing.measured = true;
  Judge(ExplainedPart(gram, state_features, first_target), report);
}

}  // namespace rollout
