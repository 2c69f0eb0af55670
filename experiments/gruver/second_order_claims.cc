#include "experiments/gruver/second_order_claims.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

using Systems = std::vector<std::string>;
constexpr char kRolloutError[] = "rollout_error";

// Of a family of systems, the share of the gap between NODE and HNN that NODE+SO closes: of all
// seeds, and of each.
struct Share {
  double all = 0.0;
  std::vector<double> of_seeds;
};
Share ShareOfGap(const ComparisonResults& results, const Systems& systems) {
  std::vector<double> closed(results.seeds(), 0.0), gap(results.seeds(), 0.0);
  for (const std::string& system : systems) {
    const std::vector<double> to_so = results.Ratios(system, "NODE", "NODE+SO", kRolloutError);
    const std::vector<double> to_hnn = results.Ratios(system, "NODE", "HNN", kRolloutError);
    for (size_t i = 0; i < closed.size(); ++i) {
      closed[i] += std::log(to_so[i]);
      gap[i] += std::log(to_hnn[i]);
    }
  }
  Share share{Mean(closed) / Mean(gap), {}};
  for (size_t i = 0; i < closed.size(); ++i) share.of_seeds.push_back(closed[i] / gap[i]);
  return share;
}

void AddShareOfGap(const ComparisonResults& results, ClaimRows* rows) {
  Systems without_gap;
  for (const std::string& system : ChainsAndSprings()) {
    if (!(LogRatio(results, system, "NODE", "HNN") > 0.0)) without_gap.push_back(system);
  }
  const Share springs = ShareOfGap(results, Springs()), chains = ShareOfGap(results, Chains());
  std::string figures = absl::StrFormat(
      "share of the gap in ln rollout error between NODE and HNN that SO closes: %s over springs, "
      "%s over chains (NODE / NODE+SO: %s; NODE / HNN: %s)",
      WithSpread(springs.all, springs.of_seeds), WithSpread(chains.all, chains.of_seeds),
      BySystem(ChainsAndSprings(),
               [&](const std::string& system) {
                 return results.Ratios(system, "NODE", "NODE+SO", kRolloutError);
               }),
      BySystem(ChainsAndSprings(), [&](const std::string& system) {
        return results.Ratios(system, "NODE", "HNN", kRolloutError);
      }));
  if (!without_gap.empty()) {
    figures = absl::StrCat("HNN is not below NODE on ", absl::StrJoin(without_gap, ", "),
                           ", no gap to close; ", figures);
  }
  rows->Add("T1", figures, without_gap.empty() && springs.all >= 0.7 && chains.all >= 0.5);
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

void AddSecondOrder(const ComparisonResults& results, ClaimRows* rows) {
  bool below = true, clear = true;
  for (const std::string& system : ChainsAndSprings()) {
    const double difference = LogRatio(results, system, "NODE", "NODE+SO");
    below = below && difference > 0.0;
    clear = clear && difference > 2.0 * StandardError(results, system, "NODE", "NODE+SO");
  }
  rows->Add("T7",
            absl::StrCat("NODE / NODE+SO in rollout error: ",
                         BySystem(ChainsAndSprings(),
                                  [&](const std::string& system) {
                                    return results.Ratios(system, "NODE", "NODE+SO", kRolloutError);
                                  })),
            below && clear);
}

void AddNearness(const ComparisonResults& results, ClaimRows* rows) {
  int nearer = 0;
  std::vector<double> of_seeds(results.seeds(), 0.0);
  for (const std::string& system : ChainsAndSprings()) {
    nearer += std::abs(LogRatio(results, system, "NODE+SO", "HNN")) <
              std::abs(LogRatio(results, system, "NODE+SO", "NODE"));
    const std::vector<double> to_hnn = results.Ratios(system, "NODE+SO", "HNN", kRolloutError);
    const std::vector<double> to_node = results.Ratios(system, "NODE+SO", "NODE", kRolloutError);
    for (size_t i = 0; i < of_seeds.size(); ++i) {
      of_seeds[i] += std::abs(std::log(to_hnn[i])) < std::abs(std::log(to_node[i]));
    }
  }
  rows->Add("T9",
            absl::StrFormat("NODE+SO is nearer to HNN than to NODE on %s of 6 systems",
                            WithSpread(nearer, of_seeds)),
            nearer > 3);
}

void AddCoordinates(const ComparisonResults& results, ClaimRows* rows) {
  const auto mean_squares = [&](const std::string& system) {
    return std::exp(LogRatio(results, system, "NODE+SO", "HNN", "mse"));
  };
  const auto squares = [&](const std::string& system) {
    return results.Ratios(system, "NODE+SO", "HNN", "mse");
  };
  const Systems chain_systems = Chains();
  const bool chains =
      std::all_of(chain_systems.begin(), chain_systems.end(), [&](const std::string& system) {
        return mean_squares(system) > 1.0 && LogRatio(results, system, "NODE+SO", "HNN") > 0.0;
      });
  rows->Add(
      "T10",
      absl::StrCat("NODE+SO / HNN in MSE: ", BySystem(Chains(), squares), "; in rollout error: ",
                   BySystem(Chains(),
                            [&](const std::string& system) {
                              return results.Ratios(system, "NODE+SO", "HNN", kRolloutError);
                            })),
      chains);
  bool close = true;
  int ahead = 0;
  for (const std::string& system : Springs()) {
    close = close && mean_squares(system) <= 1.2;
    ahead += mean_squares(system) < 1.0;
  }
  rows->Add("T11", absl::StrCat("NODE+SO / HNN in MSE: ", BySystem(Springs(), squares)),
            close && ahead >= 2);
}

void AddCost(const ComparisonResults& results, ClaimRows* rows) {
  bool met = true;
  const auto ratios = [&](const std::string& system) {
    return results.Ratios(system, "HNN", "NODE+SO", "cpu_seconds_per_step");
  };
  for (const std::string& system : ChainsAndSprings()) met = met && Median(ratios(system)) > 1.0;
  rows->AddOfAnyScale(
      "T16",
      absl::StrCat("HNN / NODE+SO in CPU time a step: ", BySystem(ChainsAndSprings(), ratios)),
      met);
}

}  // namespace

void AddSecondOrderClaims(const ComparisonResults& results, ClaimRows* rows) {
  AddShareOfGap(results, rows);
  AddSecondOrder(results, rows);
  AddNearness(results, rows);
  AddCoordinates(results, rows);
  AddCost(results, rows);
}

void AddSeparableClaim(const ComparisonResults& results, ClaimRows* rows) {
  bool met = true;
  for (const std::string& system : ChainsAndSprings()) {
    met = met && LogRatio(results, system, "HNN without SO", "HNN") > 0.0;
  }
  rows->Add("T8",
            absl::StrCat("HNN without SO / HNN in rollout error: ",
                         BySystem(ChainsAndSprings(),
                                  [&](const std::string& system) {
                                    return results.Ratios(system, "HNN without SO", "HNN",
                                                          kRolloutError);
                                  })),
            met);
}

}  // namespace rollout
