#include "experiments/gruver/comparison_results.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

// The seeds that every system and model has at `scale`.
std::set<uint64_t> WholeSeeds(const std::vector<RunRecord>& records,
                              const std::vector<std::string>& systems,
                              const std::vector<std::string>& models, const std::string& scale) {
  std::map<uint64_t, std::set<std::pair<std::string, std::string>>> made;
  for (const RunRecord& record : records) {
    if (record.settings.at("scale") != scale) continue;
    made[record.seed].insert({record.settings.at("system"), record.settings.at("model")});
  }
  std::set<uint64_t> seeds;
  for (const auto& [seed, runs] : made) {
    bool whole = true;
    for (const std::string& system : systems) {
      for (const std::string& model : models) whole = whole && runs.count({system, model}) > 0;
    }
    if (whole) seeds.insert(seed);
  }
  return seeds;
}

bool IsOfRollouts(const std::string& metric) {
  return metric != "train_loss" && metric != "parameters" && metric != "cpu_seconds_per_step";
}

// That of the end, or of half of the steps, where the metric is.
bool HasNotFiniteRollout(const RunRecord& record, const std::string& metric) {
  const auto found =
      record.metrics.find(absl::StartsWith(metric, "half_") ? "half_not_finite" : "not_finite");
  return found != record.metrics.end() && found->second > 0.0;
}

bool IsWhole(const RunRecord& record) {
  return record.outcome == "finished" && !HasNotFiniteRollout(record, "");
}

}  // namespace

std::optional<ComparisonResults> ComparisonResults::OfLargestScale(
    const std::vector<RunRecord>& records, const std::vector<std::string>& systems,
    const std::vector<std::string>& models) {
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    const std::set<uint64_t> seeds = WholeSeeds(records, systems, models, Name(scale));
    if (seeds.empty()) continue;
    ComparisonResults results;
    results.scale_ = Name(scale);
    results.seeds_ = static_cast<int>(seeds.size());
    for (const RunRecord& record : records) {
      if (record.settings.at("scale") != results.scale_ || seeds.count(record.seed) == 0) continue;
      results.steps_ = record.settings.at("steps");
      results.records_[{record.settings.at("system"), record.settings.at("model")}].push_back(
          record);
    }
    for (auto& [run, of_run] : results.records_) {
      std::sort(of_run.begin(), of_run.end(),
                [](const RunRecord& a, const RunRecord& b) { return a.seed < b.seed; });
    }
    return results;
  }
  return std::nullopt;
}

std::string ComparisonResults::Source(const std::string& experiment) const {
  std::string text =
      absl::StrFormat("%d seed%s, %s steps: `rollout-experiments run %s --scale %s --seeds %d`",
                      seeds_, seeds_ == 1 ? "" : "s", steps_, experiment, scale_, seeds_);
  size_t runs = 0;
  int not_whole = 0;
  for (const auto& [run, records] : records_) {
    runs += records.size();
    not_whole += NotWhole(run.first, run.second);
  }
  if (not_whole > 0) {
    absl::StrAppendFormat(
        &text,
        "; of %d runs %d diverged or have a rollout that is not finite, their errors are infinite",
        runs, not_whole);
  }
  return text;
}

std::vector<double> ComparisonResults::Values(const std::string& system, const std::string& model,
                                              const std::string& metric) const {
  std::vector<double> values;
  for (const RunRecord& record : records_.at({system, model})) {
    const auto found = record.metrics.find(metric);
    bool measured =
        record.outcome == "finished" && found != record.metrics.end() && !std::isnan(found->second);
    if (IsOfRollouts(metric)) measured = measured && !HasNotFiniteRollout(record, metric);
    values.push_back(measured ? found->second : std::numeric_limits<double>::infinity());
  }
  return values;
}

std::vector<double> ComparisonResults::Ratios(const std::string& system, const std::string& above,
                                              const std::string& below,
                                              const std::string& metric) const {
  std::vector<double> ratios = Values(system, above, metric);
  const std::vector<double> divisors = Values(system, below, metric);
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] /= divisors[i];
  return ratios;
}

double ComparisonResults::MeanLog(const std::string& system, const std::string& model,
                                  const std::string& metric) const {
  std::vector<double> logs = Values(system, model, metric);
  for (double& value : logs) value = std::log(value);
  return Mean(logs);
}

double ComparisonResults::MedianOf(const std::string& system, const std::string& model,
                                   const std::string& metric) const {
  return Median(Values(system, model, metric));
}

int ComparisonResults::NotWhole(const std::string& system, const std::string& model) const {
  const std::vector<RunRecord>& records = records_.at({system, model});
  return static_cast<int>(std::count_if(records.begin(), records.end(),
                                        [](const RunRecord& record) { return !IsWhole(record); }));
}

std::vector<std::vector<double>> ComparisonResults::Series(const std::string& system,
                                                           const std::string& model,
                                                           const std::string& series) const {
  std::vector<std::vector<double>> all;
  for (const RunRecord& record : records_.at({system, model})) {
    const auto found = record.series.find(series);
    if (found != record.series.end() && IsWhole(record)) all.push_back(found->second);
  }
  return all;
}

std::vector<double> ComparisonResults::MeanSeries(const std::string& system,
                                                  const std::string& model,
                                                  const std::string& series) const {
  const std::vector<std::vector<double>> all = Series(system, model, series);
  std::vector<double> means;
  for (const std::vector<double>& one : all) {
    means.resize(one.size(), 0.0);
    for (size_t i = 0; i < means.size(); ++i) means[i] += std::log(one[i]);
  }
  for (double& mean : means) mean = std::exp(mean / static_cast<double>(all.size()));
  return means;
}

}  // namespace rollout
