#include "experiments/gruver/energy_claims.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/regression.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

constexpr size_t kModels = 3;

// ln energy error beside ln rollout error by model; all seeds, or one of them.
struct Errors {
  std::map<std::string, Points> of_models;
  int left_out = 0;
};
Errors ReadErrors(const ComparisonResults& results, int only_seed = -1) {
  Errors errors;
  for (const std::string& system : ChainsAndSprings()) {
    for (const char* model : {"NODE", "NODE+SO", "HNN"}) {
      const std::vector<double> rollout = results.Values(system, model, "rollout_error");
      const std::vector<double> energy = results.Values(system, model, "energy_error");
      for (size_t i = 0; i < rollout.size(); ++i) {
        if (only_seed >= 0 && i != static_cast<size_t>(only_seed)) continue;
        if (!std::isfinite(rollout[i]) || !std::isfinite(energy[i])) {
          ++errors.left_out;
          continue;
        }
        errors.of_models[model].x.push_back(std::log(rollout[i]));
        errors.of_models[model].y.push_back(std::log(energy[i]));
      }
    }
  }
  return errors;
}

double EnergyRatio(const GroupedLines& lines) {
  return std::exp(lines.intercepts.at("HNN") - lines.intercepts.at("NODE"));
}

void AddEnergyAgainstRollout(const ComparisonResults& results, ClaimRows* rows) {
  const Errors errors = ReadErrors(results);
  if (errors.of_models.size() < kModels) {
    for (const char* id : {"T2", "T3"}) rows->Add(id, "every run of one model diverged", false);
    return;
  }
  const GroupedLines lines = FitGroupedLines(errors.of_models);
  std::vector<double> slopes, shares, ratios;
  for (int seed = 0; seed < results.seeds(); ++seed) {
    const Errors of_seed = ReadErrors(results, seed);
    if (of_seed.of_models.size() < kModels) continue;
    const GroupedLines seed_lines = FitGroupedLines(of_seed.of_models);
    slopes.push_back(seed_lines.pooled.slope);
    shares.push_back(seed_lines.pooled.r_squared);
    ratios.push_back(EnergyRatio(seed_lines));
  }
  const double raised = lines.r_squared - lines.pooled.r_squared;
  double largest = 0.0;
  std::vector<std::string> residuals;
  for (const auto& [model, residual] : lines.mean_residual) {
    const double relative = residual / lines.y_deviation;
    largest = std::max(largest, std::abs(relative));
    residuals.push_back(absl::StrFormat("%s %+.2f", model, relative));
  }
  const std::string left_out =
      errors.left_out == 0 ? "" : absl::StrFormat("; %d runs left out", errors.left_out);
  rows->Add("T2",
            absl::StrFormat(
                "ln energy error on ln rollout error: slope %s, R² %s, models' "
                "intercepts raise it by %.3f; mean residuals in standard deviations %s%s",
                WithSpread(lines.pooled.slope, slopes), WithSpread(lines.pooled.r_squared, shares),
                raised, absl::StrJoin(residuals, ", "), left_out),
            lines.pooled.slope >= 0.7 && lines.pooled.slope <= 1.3 &&
                lines.pooled.r_squared >= 0.8 && raised < 0.05 && largest < 0.3);
  const double ratio = EnergyRatio(lines);
  rows->Add("T3",
            absl::StrFormat("HNN's energy error over NODE's at equal rollout error: %s%s",
                            WithSpread(ratio, ratios), left_out),
            ratio >= 0.5 && ratio <= 2.0);
}

// How an error grows over the last decade of time; element i of `errors` is at time i + 1.
struct Growth {
  double power = 0.0;   // of time
  double factor = 0.0;  // the last over the first
};
Growth GrowthOf(const std::vector<double>& errors) {
  const size_t last = errors.size(), first = last / 10 + 1;
  if (last < 10) return {std::nan(""), std::nan("")};
  Points points;
  for (size_t t = first; t <= last; ++t) {
    points.x.push_back(std::log(static_cast<double>(t)));
    points.y.push_back(std::log(errors[t - 1]));
  }
  return {FitLine(points).slope, errors[last - 1] / errors[first - 1]};
}

void AddGrowth(const ComparisonResults& results, ClaimRows* rows) {
  bool met = true;
  std::vector<std::string> figures;
  int left_out = 0;
  for (const char* model : {"NODE", "HNN"}) {
    std::vector<double> powers, of_runs, factors, at_end;
    int inside = 0;
    for (const std::string& system : ChainsAndSprings()) {
      left_out += results.NotWhole(system, model);
      const Growth growth = GrowthOf(results.MeanSeries(system, model, "energy_error_at"));
      powers.push_back(growth.power);
      factors.push_back(growth.factor);
      inside += growth.power >= 0.5 && growth.power <= 1.5;
      for (const std::vector<double>& run : results.Series(system, model, "energy_error_at")) {
        of_runs.push_back(GrowthOf(run).power);
      }
      const std::vector<double> rollout = results.MeanSeries(system, model, "rollout_error_at");
      at_end.push_back(rollout.empty() ? std::nan("") : rollout.back());
    }
    const double least_factor = *std::min_element(factors.begin(), factors.end());
    met = met && inside == static_cast<int>(powers.size());
    if (std::string(model) == "HNN") {
      met = met && std::all_of(factors.begin(), factors.end(), [](double f) { return f >= 3.0; });
    }
    figures.push_back(absl::StrFormat(
        "%s power %s, in [0.5, 1.5] on %d of %d systems, growth %.1f at least, rollout error at "
        "the end %s",
        model, WithSpread(Median(powers), of_runs), inside, powers.size(), least_factor,
        WithSpread(at_end)));
  }
  std::string text = absl::StrCat(
      "energy error over the last decade of time, median over systems [least, most "
      "over systems and seeds]: ",
      absl::StrJoin(figures, "; "));
  if (left_out > 0) absl::StrAppendFormat(&text, "; %d runs left out", left_out);
  rows->Add("T4", text, met);
}

}  // namespace

void AddEnergyClaims(const ComparisonResults& results, ClaimRows* rows) {
  AddEnergyAgainstRollout(results, rows);
  AddGrowth(results, rows);
}

}  // namespace rollout
