#include "experiments/gruver/toy_claims.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/regression.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

using Systems = std::vector<std::string>;

const Systems& Chains() {
  static const auto& systems =
      *new Systems{"chain_pendulum_2", "chain_pendulum_3", "chain_pendulum_4"};
  return systems;
}
const Systems& Springs() {
  static const auto& systems =
      *new Systems{"spring_pendulum_2", "spring_pendulum_3", "spring_pendulum_4"};
  return systems;
}
Systems ChainsAndSprings() {
  Systems systems = Chains();
  systems.insert(systems.end(), Springs().begin(), Springs().end());
  return systems;
}

constexpr char kRolloutError[] = "rollout_error";

// The claims of one experiment: figures, then "(scale, steps, seeds: command)".
class Claims {
 public:
  Claims(std::string experiment, const ComparisonResults& results)
      : experiment_(std::move(experiment)), results_(results) {}

  void Add(const std::string& id, const std::string& figures, Rule rule) {
    if (results_.scale() == Name(Scale::kQuick)) return;  // shows that it runs, not what it finds
    list_.push_back({id, absl::StrCat(figures, Source()), VerdictOf(rule, results_.scale())});
  }
  // Of what is the same however many steps a run makes.
  void AddOfAnyScale(const std::string& id, const std::string& figures, Rule rule) {
    list_.push_back({id, absl::StrCat(figures, Source()), VerdictOf(rule, "paper")});
  }
  void AddReport(const std::string& id, const std::string& figures) {
    if (results_.scale() == Name(Scale::kQuick)) return;
    list_.push_back({id, absl::StrCat(figures, Source()), "reported, not gated"});
  }
  std::vector<ClaimResult> Take() { return std::move(list_); }

 private:
  std::string Source() const { return absl::StrCat("; ", results_.Source(experiment_)); }

  const std::string experiment_;
  const ComparisonResults& results_;
  std::vector<ClaimResult> list_;
};

Rule MetIf(bool met) { return met ? Rule::kMet : Rule::kNotMet; }

// "chain_pendulum_2 1.2, ..." of one figure a system.
std::string BySystem(const Systems& systems,
                     const std::function<double(const std::string&)>& figure) {
  std::vector<std::string> parts;
  for (const std::string& system : systems) {
    parts.push_back(absl::StrFormat("%s %.2g", system, figure(system)));
  }
  return absl::StrJoin(parts, ", ");
}

// What separates `from` from `to` in ln(metric), model by model.
double LogRatio(const ComparisonResults& results, const std::string& system,
                const std::string& from, const std::string& to,
                const char* metric = kRolloutError) {
  return results.MeanLog(system, from, metric) - results.MeanLog(system, to, metric);
}

void AddShareOfGap(const ComparisonResults& results, Claims* claims) {
  const auto share = [&](const std::string& system) {
    return LogRatio(results, system, "NODE", "NODE+SO") / LogRatio(results, system, "NODE", "HNN");
  };
  const auto average = [&](const Systems& systems) {
    double sum = 0.0;
    for (const std::string& system : systems)
      sum += share(system) / static_cast<double>(systems.size());
    return sum;
  };
  const double springs = average(Springs()), chains = average(Chains());
  claims->Add("T1",
              absl::StrFormat("share of the gap in ln rollout error that SO closes: %.2f over "
                              "springs, %.2f over chains (%s)",
                              springs, chains, BySystem(ChainsAndSprings(), share)),
              MetIf(springs >= 0.7 && chains >= 0.5));
}

void AddEnergyAgainstRollout(const ComparisonResults& results, Claims* claims) {
  std::map<std::string, Points> groups;
  for (const std::string& system : ChainsAndSprings()) {
    for (const char* model : {"NODE", "NODE+SO", "HNN"}) {
      const std::vector<double> rollout = results.Values(system, model, kRolloutError);
      const std::vector<double> energy = results.Values(system, model, "energy_error");
      for (size_t i = 0; i < rollout.size(); ++i) {
        if (!std::isfinite(rollout[i]) || !std::isfinite(energy[i])) continue;
        groups[model].x.push_back(std::log(rollout[i]));
        groups[model].y.push_back(std::log(energy[i]));
      }
    }
  }
  if (groups.size() < 3) {
    for (const char* id : {"T2", "T3"}) {
      claims->Add(id, "every run of one model diverged", Rule::kNotMet);
    }
    return;
  }
  const GroupedLines lines = FitGroupedLines(groups);
  const double raised = lines.r_squared - lines.pooled.r_squared;
  double largest = 0.0;
  std::vector<std::string> residuals;
  for (const auto& [model, residual] : lines.mean_residual) {
    const double relative = residual / lines.y_deviation;
    largest = std::max(largest, std::abs(relative));
    residuals.push_back(absl::StrFormat("%s %+.2f", model, relative));
  }
  claims->Add(
      "T2",
      absl::StrFormat("ln energy error on ln rollout error: slope %.2f, R² %.2f, models' "
                      "intercepts raise it by %.3f; mean residuals in standard deviations %s",
                      lines.pooled.slope, lines.pooled.r_squared, raised,
                      absl::StrJoin(residuals, ", ")),
      MetIf(lines.pooled.slope >= 0.7 && lines.pooled.slope <= 1.3 &&
            lines.pooled.r_squared >= 0.8 && raised < 0.05 && largest < 0.3));
  const double ratio = std::exp(lines.intercepts.at("HNN") - lines.intercepts.at("NODE"));
  claims->Add("T3",
              absl::StrFormat("HNN's energy error over NODE's at equal rollout error: %.2f", ratio),
              MetIf(ratio >= 0.5 && ratio <= 2.0));
}

void AddGrowth(const ComparisonResults& results, Claims* claims) {
  bool met = true;
  std::vector<std::string> figures;
  for (const char* model : {"NODE", "HNN"}) {
    std::vector<double> slopes, growths;
    for (const std::string& system : ChainsAndSprings()) {
      // Element i is at time i + 1.
      const std::vector<double> errors = results.MeanSeries(system, model, "energy_error_at");
      const size_t last = errors.size(), first = last / 10 + 1;
      if (last < 10 || !std::isfinite(errors[last - 1])) {
        claims->Add("T4", absl::StrCat(model, " diverged on ", system), Rule::kNotMet);
        return;
      }
      Points points;
      for (size_t t = first; t <= last; ++t) {
        points.x.push_back(std::log(static_cast<double>(t)));
        points.y.push_back(std::log(errors[t - 1]));
      }
      slopes.push_back(FitLine(points).slope);
      growths.push_back(errors[last - 1] / errors[first - 1]);
    }
    const auto [least, most] = std::minmax_element(slopes.begin(), slopes.end());
    const auto least_growth = std::min_element(growths.begin(), growths.end());
    met = met && *least >= 0.5 && *most <= 1.5;
    if (std::string(model) == "HNN") met = met && *least_growth >= 3.0;
    figures.push_back(absl::StrFormat("%s power %.2f [%.2f, %.2f], growth %.1f at least", model,
                                      Median(slopes), *least, *most, *least_growth));
  }
  claims->Add("T4",
              absl::StrCat("energy error over the last decade of time, median over systems [least, "
                           "most]: ",
                           absl::StrJoin(figures, "; ")),
              MetIf(met));
}

// The standard error of the difference of two models' mean logarithms.
double StandardError(const ComparisonResults& results, const std::string& system,
                     const std::string& a, const std::string& b) {
  double squares = 0.0;
  for (const std::string& model : {a, b}) {
    std::vector<double> logs = results.Values(system, model, kRolloutError);
    for (double& value : logs) value = std::log(value);
    const double mean = Mean(logs), count = static_cast<double>(logs.size());
    for (const double value : logs)
      squares += (value - mean) * (value - mean) / (count - 1.0) / count;
  }
  return std::sqrt(squares);
}

void AddSecondOrder(const ComparisonResults& results, Claims* claims) {
  bool below = true, clear = true;
  for (const std::string& system : ChainsAndSprings()) {
    const double difference = LogRatio(results, system, "NODE", "NODE+SO");
    below = below && difference > 0.0;
    clear = clear && difference > 2.0 * StandardError(results, system, "NODE", "NODE+SO");
  }
  const auto ratio = [&](const std::string& system) {
    return std::exp(LogRatio(results, system, "NODE", "NODE+SO"));
  };
  const Rule rule = below && results.seeds() < 2 ? Rule::kTooFewSeeds : MetIf(below && clear);
  claims->Add(
      "T7", absl::StrCat("NODE / NODE+SO in rollout error: ", BySystem(ChainsAndSprings(), ratio)),
      rule);
  int nearer = 0;
  for (const std::string& system : ChainsAndSprings()) {
    nearer += std::abs(LogRatio(results, system, "NODE+SO", "HNN")) <
              std::abs(LogRatio(results, system, "NODE+SO", "NODE"));
  }
  claims->Add("T9",
              absl::StrFormat("NODE+SO is nearer to HNN than to NODE on %d of 6 systems", nearer),
              MetIf(nearer > 3));
}

void AddCoordinates(const ComparisonResults& results, Claims* claims) {
  const auto squares = [&](const std::string& system) {
    return std::exp(LogRatio(results, system, "NODE+SO", "HNN", "mse"));
  };
  const bool chains = std::all_of(Chains().begin(), Chains().end(), [&](const std::string& system) {
    return squares(system) > 1.0 && LogRatio(results, system, "NODE+SO", "HNN") > 0.0;
  });
  claims->Add("T10", absl::StrCat("NODE+SO / HNN in MSE: ", BySystem(Chains(), squares)),
              MetIf(chains));
  bool close = true;
  int ahead = 0;
  for (const std::string& system : Springs()) {
    close = close && squares(system) <= 1.2;
    ahead += squares(system) < 1.0;
  }
  claims->Add("T11", absl::StrCat("NODE+SO / HNN in MSE: ", BySystem(Springs(), squares)),
              MetIf(close && ahead >= 2));
}

void AddCost(const ComparisonResults& results, Claims* claims) {
  bool met = true;
  const auto ratio = [&](const std::string& system) {
    return results.MedianOf(system, "HNN", "cpu_seconds_per_step") /
           results.MedianOf(system, "NODE+SO", "cpu_seconds_per_step");
  };
  for (const std::string& system : ChainsAndSprings()) met = met && ratio(system) > 1.0;
  claims->AddOfAnyScale(
      "T16",
      absl::StrCat("HNN / NODE+SO in CPU time a step: ", BySystem(ChainsAndSprings(), ratio)),
      MetIf(met));
}

void AddSeparable(const ComparisonResults& results, Claims* claims) {
  bool met = true;
  const auto ratio = [&](const std::string& system) {
    return std::exp(LogRatio(results, system, "HNN without SO", "HNN"));
  };
  for (const std::string& system : ChainsAndSprings()) met = met && ratio(system) > 1.0;
  claims->Add(
      "T8",
      absl::StrCat("HNN without SO / HNN in rollout error: ", BySystem(ChainsAndSprings(), ratio)),
      MetIf(met));
}

void AddFriction(const ComparisonResults& results, Claims* claims) {
  Systems systems;
  for (const char* family : {"chain", "spring"}) {
    for (int bodies = 1; bodies <= 4; ++bodies) {
      systems.push_back(absl::StrFormat("%s_pendulum_%d_friction", family, bodies));
    }
  }
  const auto ratio = [&](const std::string& system) {
    return std::exp(LogRatio(results, system, "NODE+SO", "SymODEN"));
  };
  bool matches = true;
  int worst = 0;
  for (const std::string& system : systems) {
    const auto less = [&](const char* metric) {
      return results.MedianOf(system, "NODE+SO", metric) <
             results.MedianOf(system, "SymODEN", metric);
    };
    matches = matches && ratio(system) >= 0.5 && ratio(system) <= 2.0 && less("parameters") &&
              less("cpu_seconds_per_step");
    bool last = true;
    for (const char* other : {"NODE", "NODE+SO", "SymODEN"}) {
      last = last && LogRatio(results, system, "HNN", other) > 0.0;
    }
    worst += last;
  }
  claims->Add("T12",
              absl::StrFormat("NODE+SO / SymODEN in rollout error: %s; HNN is worst on %d of %d",
                              BySystem(systems, ratio), worst, systems.size()),
              MetIf(matches && worst == static_cast<int>(systems.size())));
  claims->AddReport(
      "T13", absl::StrCat("HNN's training loss over the best model's: ",
                          BySystem(systems, [&](const std::string& system) {
                            double best = results.MeanLog(system, "NODE", "train_loss");
                            for (const char* model : {"NODE+SO", "SymODEN"}) {
                              best = std::min(best, results.MeanLog(system, model, "train_loss"));
                            }
                            return std::exp(results.MeanLog(system, "HNN", "train_loss") - best);
                          })));
}

void AddOthers(const ComparisonResults& results, Claims* claims) {
  const auto log = [&](const std::string& system, const char* model) {
    return results.MeanLog(system, model, kRolloutError);
  };
  bool met = log("gyroscope", "HNN") <= log("gyroscope", "NODE+SO") &&
             log("gyroscope", "NODE+SO") < log("gyroscope", "NODE");
  std::vector<std::string> figures;
  for (const std::string system : {"gyroscope", "magnet_pendulum", "rotor"}) {
    const double node = log(system, "NODE"), so = log(system, "NODE+SO"), hnn = log(system, "HNN");
    figures.push_back(absl::StrFormat("%s NODE %.2g, NODE+SO %.2g, HNN %.2g", system,
                                      std::exp(node), std::exp(so), std::exp(hnn)));
    if (system == "gyroscope") continue;
    met = met && node <= std::min(so, hnn) && std::max(so, hnn) - node <= std::log(2.0);
  }
  claims->Add("T15", absl::StrCat("rollout error: ", absl::StrJoin(figures, "; ")), MetIf(met));
}

}  // namespace

std::vector<ClaimResult> ToyClaims(const std::string& experiment,
                                   const ComparisonResults& results) {
  Claims claims(experiment, results);
  if (experiment == "toy-rollouts") {
    AddShareOfGap(results, &claims);
    AddEnergyAgainstRollout(results, &claims);
    AddGrowth(results, &claims);
    AddSecondOrder(results, &claims);
    AddCoordinates(results, &claims);
    AddCost(results, &claims);
  } else if (experiment == "toy-second-order") {
    AddSeparable(results, &claims);
  } else if (experiment == "toy-friction") {
    AddFriction(results, &claims);
  } else if (experiment == "toy-others") {
    AddOthers(results, &claims);
  }
  return claims.Take();
}

}  // namespace rollout
