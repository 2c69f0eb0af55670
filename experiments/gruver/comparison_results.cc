#include "experiments/gruver/comparison_results.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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
  return absl::StrFormat("%d seed%s, %s steps: `rollout-experiments run %s --scale %s --seeds %d`",
                         seeds_, seeds_ == 1 ? "" : "s", steps_, experiment, scale_, seeds_);
}

std::vector<double> ComparisonResults::Values(const std::string& system, const std::string& model,
                                              const std::string& metric) const {
  std::vector<double> values;
  for (const RunRecord& record : records_.at({system, model})) {
    const auto found = record.metrics.find(metric);
    const bool measured =
        record.outcome == "finished" && found != record.metrics.end() && !std::isnan(found->second);
    values.push_back(measured ? found->second : std::numeric_limits<double>::infinity());
  }
  return values;
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

std::vector<double> ComparisonResults::MeanSeries(const std::string& system,
                                                  const std::string& model,
                                                  const std::string& series) const {
  std::vector<double> means;
  double count = 0.0;
  for (const RunRecord& record : records_.at({system, model})) {
    const auto found = record.series.find(series);
    if (found == record.series.end()) continue;
    means.resize(found->second.size(), 0.0);
    for (size_t i = 0; i < means.size(); ++i) means[i] += std::log(found->second[i]);
    ++count;
  }
  for (double& mean : means) mean = std::exp(mean / count);
  return means;
}

}  // namespace rollout
