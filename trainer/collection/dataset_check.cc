#include "trainer/collection/dataset_check.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

// Fewer episodes than this leave one side of a split nearly empty, and fewer steps an unstable fit.
constexpr int64_t kFewEpisodes = 10;
constexpr int64_t kFewSteps = 1000;

// A dimension whose deviation is below this part of its magnitude does not move.
constexpr double kConstant = 1e-6;

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

// Mean and standard deviation of the finite numbers of column `column` in rows of `width`.
void Measure(const std::vector<const std::vector<double>*>& arrays, int width, int column,
             double* mean, double* deviation) {
  double count = 0.0, sum = 0.0, squares = 0.0;
  const auto each = [&](auto&& add) {
    for (const std::vector<double>* array : arrays) {
      for (size_t i = static_cast<size_t>(column); i < array->size(); i += width) {
        if (std::isfinite((*array)[i])) add((*array)[i]);
      }
    }
  };
  each([&](double value) {
    ++count;
    sum += value;
  });
  *mean = count > 0 ? sum / count : 0.0;
  each([&](double value) { squares += (value - *mean) * (value - *mean); });
  *deviation = count > 0 ? std::sqrt(squares / count) : 0.0;
}

bool IsConstant(double mean, double deviation) {
  return deviation < kConstant * std::max(1.0, std::abs(mean));
}

void CheckSize(DatasetReport* report) {
  if (report->episodes >= kFewEpisodes && report->steps >= kFewSteps) return;
  report->findings.push_back(
      {.severity = Severity::kWarning,
       .check = "too_little_data",
       .found = absl::StrCat("There are ", report->episodes, " episodes of ", report->steps,
                             " steps in all."),
       .remedy = absl::StrCat("Collect more: episodes are split into those for training and those "
                              "for the test, and fewer than ",
                              kFewEpisodes, " episodes or ", kFewSteps,
                              " steps make either meaningless.")});
}

void CheckFinite(const std::vector<Episode>& episodes, DatasetReport* report) {
  std::vector<int64_t> damaged;
  for (const Episode& episode : episodes) {
    if (AllFinite(episode.states) && AllFinite(episode.actions) && AllFinite(episode.rewards)) {
      continue;
    }
    damaged.push_back(episode.id);
  }
  if (damaged.empty()) return;
  const size_t count = damaged.size();
  damaged.resize(std::min<size_t>(count, 10));
  report->findings.push_back(
      {.check = "non_finite",
       .found = absl::StrCat(count, " episodes hold NaN or infinite numbers: ",
                             absl::StrJoin(damaged, ", "), count > 10 ? ", ..." : "", "."),
       .remedy = "Leave these episodes out, or cut each before its first such number."});
}

void CheckStates(const DatasetInfo& info, const std::vector<Episode>& episodes,
                 DatasetReport* report) {
  const int width = info.num_positions + info.num_velocities;
  std::vector<const std::vector<double>*> arrays;
  for (const Episode& episode : episodes) arrays.push_back(&episode.states);
  for (int i = 0; i < width; ++i) {
    StateDimension dimension{.name = StateName(info, i)};
    Measure(arrays, width, i, &dimension.mean, &dimension.standard_deviation);
    dimension.constant = IsConstant(dimension.mean, dimension.standard_deviation);
    if (dimension.constant) {
      report->findings.push_back(
          {.severity = Severity::kWarning,
           .check = "constant",
           .found = absl::StrFormat("%s is always %.6g.", dimension.name, dimension.mean),
           .remedy = "It is left out of losses and errors; check that it is meant to be still, and "
                     "drop it if it is not part of the system."});
    }
    report->dimensions.push_back(std::move(dimension));
  }
}

void CheckControls(const DatasetInfo& info, const std::vector<Episode>& episodes,
                   DatasetReport* report) {
  std::vector<const std::vector<double>*> arrays;
  for (const Episode& episode : episodes) arrays.push_back(&episode.actions);
  for (int i = 0; i < info.num_controls; ++i) {
    double mean = 0.0, deviation = 0.0;
    Measure(arrays, info.num_controls, i, &mean, &deviation);
    if (IsConstant(mean, deviation)) {
      report->findings.push_back(
          {.severity = Severity::kWarning,
           .check = "constant",
           .found = absl::StrFormat("Control %s is always %.6g.", ControlName(info, i), mean),
           .remedy = "A model cannot learn what it does: collect with a policy that moves it."});
    }
    if (info.control_low.empty()) continue;
    const double low = info.control_low[i], high = info.control_high[i];
    const double slack = 1e-6 * (high - low);  // of bounds that went through float32
    int64_t outside = 0;
    double furthest = 0.0;
    for (const std::vector<double>* array : arrays) {
      for (size_t k = static_cast<size_t>(i); k < array->size(); k += info.num_controls) {
        const double excess = std::max(low - (*array)[k], (*array)[k] - high);
        if (!(excess > slack)) continue;
        ++outside;
        furthest = std::max(furthest, excess);
      }
    }
    if (outside == 0) continue;
    report->findings.push_back(
        {.check = "control_bounds",
         .found = absl::StrFormat(
             "Control %s leaves its bounds [%.6g, %.6g] in %d of %d steps, by up to %.3g.",
             ControlName(info, i), low, high, outside, report->steps, furthest),
         .remedy =
             "The server clips controls to these bounds before the model sees them: store the "
             "controls as they were applied (clipped, if the actuators clip), or widen "
             "control_low and control_high."});
  }
}

void CheckEnds(const std::vector<Episode>& episodes, DatasetReport* report) {
  std::vector<int64_t> running_on;
  for (const Episode& episode : episodes) {
    for (int64_t t = 0; t + 1 < episode.num_steps(); ++t) {
      if (!episode.terminations[t] && !episode.truncations[t]) continue;
      running_on.push_back(episode.id);
      break;
    }
  }
  if (running_on.empty()) return;
  const size_t count = running_on.size();
  running_on.resize(std::min<size_t>(count, 10));
  report->findings.push_back(
      {.check = "episode_end",
       .found = absl::StrCat(count, " episodes go on after a step that ended them: ",
                             absl::StrJoin(running_on, ", "), count > 10 ? ", ..." : "", "."),
       .remedy = "What follows an end is usually a reset: split each such episode in two."});
}

}  // namespace

bool DatasetReport::spoilt() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::kSpoils; });
}

DatasetReport CheckDataset(const DatasetInfo& info, const std::vector<Episode>& episodes) {
  DatasetReport report;
  report.episodes = static_cast<int64_t>(episodes.size());
  for (const Episode& episode : episodes) report.steps += episode.num_steps();
  CheckFinite(episodes, &report);
  CheckEnds(episodes, &report);
  CheckStates(info, episodes, &report);
  CheckMotion(info, episodes, &report);
  CheckControls(info, episodes, &report);
  CheckControlTiming(info, episodes, &report);
  CheckSize(&report);
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
  return report;
}

std::string StateName(const DatasetInfo& info, int index) {
  return info.state_names.empty() ? absl::StrCat("state[", index, "]")
                                  : info.state_names[static_cast<size_t>(index)];
}

std::string ControlName(const DatasetInfo& info, int index) {
  return info.control_names.empty() ? absl::StrCat("action[", index, "]")
                                    : info.control_names[static_cast<size_t>(index)];
}

}  // namespace rollout
