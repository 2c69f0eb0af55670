#include "experiments/gruver/variant_claims.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "experiments/gruver/toy_models.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

using Systems = std::vector<std::string>;
constexpr char kRolloutError[] = "rollout_error";

// What the regulariser brings on one system: the best of its weights.
void AddRegulariser(const ComparisonResults& results, const Systems& systems, ClaimRows* rows) {
  bool met = true;
  std::vector<std::string> figures;
  for (const std::string& system : systems) {
    std::string best;
    double least = std::numeric_limits<double>::infinity();
    for (const ToyModel& model : RegularisedModels()) {
      const double ratio = std::exp(LogRatio(results, system, model.name, kNodeSo.name));
      if (!best.empty() && !(ratio < least)) continue;
      least = ratio;
      best = model.name;
    }
    met = met && least >= 0.8;
    figures.push_back(absl::StrCat(
        system, " ", WithSpread(results.Ratios(system, best, kNodeSo.name, kRolloutError)), " (",
        best, ")"));
  }
  rows->Add("T5",
            absl::StrCat("best weight's rollout error over that without the regulariser: ",
                         absl::StrJoin(figures, ", ")),
            met);
}

// Over weights and seeds, or the weights of one seed, of those runs that have both.
double SymplecticityCorrelation(const ComparisonResults& results, const std::string& system,
                                int only_seed = -1) {
  std::vector<ToyModel> models = RegularisedModels();
  models.push_back(kNodeSo);
  std::vector<double> symplecticity, errors;
  for (const ToyModel& model : models) {
    const std::vector<double> of_model = results.Values(system, model.name, "symplecticity_error");
    const std::vector<double> rollout = results.Values(system, model.name, kRolloutError);
    for (size_t i = 0; i < rollout.size(); ++i) {
      if (only_seed >= 0 && i != static_cast<size_t>(only_seed)) continue;
      if (!std::isfinite(of_model[i]) || !std::isfinite(rollout[i])) continue;
      symplecticity.push_back(of_model[i]);
      errors.push_back(rollout[i]);
    }
  }
  return RankCorrelation(symplecticity, errors);
}

void AddCorrelation(const ComparisonResults& results, const Systems& systems, ClaimRows* rows) {
  bool met = true;
  std::vector<std::string> figures;
  for (const std::string& system : systems) {
    const double correlation = SymplecticityCorrelation(results, system);
    const int bodies = system.back() - '0';
    met = met && correlation <= 0.3 && (bodies < 3 || correlation < 0.0);
    std::vector<double> of_seeds;
    for (int seed = 0; seed < results.seeds(); ++seed) {
      of_seeds.push_back(SymplecticityCorrelation(results, system, seed));
    }
    figures.push_back(absl::StrCat(system, " ", WithSpread(correlation, of_seeds)));
  }
  rows->Add("T6",
            absl::StrCat("rank correlation of symplecticity and rollout error over weights and "
                         "seeds [of each seed]: ",
                         absl::StrJoin(figures, ", ")),
            met);
}

// "HNN < NODE+SO < NODE".
std::string Order(std::vector<std::pair<double, std::string>> errors) {
  std::sort(errors.begin(), errors.end());
  return absl::StrJoin(errors, " < ", [](std::string* out, const auto& error) {
    absl::StrAppend(out, error.second);
  });
}

}  // namespace

void AddSymplecticityClaims(const ComparisonResults& results, ClaimRows* rows) {
  const Systems systems = {"chain_pendulum_2", "chain_pendulum_3", "spring_pendulum_2"};
  AddRegulariser(results, systems, rows);
  AddCorrelation(results, systems, rows);
}

void AddFrictionClaims(const ComparisonResults& results, ClaimRows* rows) {
  Systems systems;
  for (const char* family : {"chain", "spring"}) {
    for (int bodies = 1; bodies <= 4; ++bodies) {
      systems.push_back(absl::StrFormat("%s_pendulum_%d_friction", family, bodies));
    }
  }
  bool matches = true, cheaper = true, poor = true;
  int ahead = 0, worst = 0;
  for (const std::string& system : systems) {
    const double log_ratio = LogRatio(results, system, "NODE+SO", "SymODEN");
    matches = matches && log_ratio <= std::log(2.0);
    ahead += log_ratio < std::log(0.5);
    const auto less = [&](const char* metric) {
      return results.MedianOf(system, "NODE+SO", metric) <
             results.MedianOf(system, "SymODEN", metric);
    };
    cheaper = cheaper && less("parameters") && less("cpu_seconds_per_step");
    bool last = true;
    for (const char* other : {"NODE", "NODE+SO", "SymODEN"}) {
      last = last && LogRatio(results, system, "HNN", other) > 0.0;
    }
    worst += last;
    poor = poor && (last || LogRatio(results, system, "HNN", "NODE+SO") >= std::log(2.0));
  }
  const auto ratios = [&](const char* above, const char* below) {
    return BySystem(systems, [&, above, below](const std::string& system) {
      return results.Ratios(system, above, below, kRolloutError);
    });
  };
  rows->Add("T12",
            absl::StrFormat(
                "(a) NODE+SO / SymODEN in rollout error: %s, below 0.5 (more than matched) on %d "
                "of %d; %s parameters and CPU time a step; (b) HNN / NODE+SO: %s, HNN is worst on "
                "%d of %d",
                ratios("NODE+SO", "SymODEN"), ahead, systems.size(),
                cheaper ? "fewer and less" : "not fewer and less", ratios("HNN", "NODE+SO"), worst,
                systems.size()),
            {{"(a)", matches && cheaper}, {"(b)", poor}});
  rows->AddReport("T13", absl::StrCat("HNN's training loss over the best model's: ",
                                      BySystem(systems, [&](const std::string& system) {
                                        std::vector<double> over_best(results.seeds(), 0.0);
                                        for (const char* model : {"NODE", "NODE+SO", "SymODEN"}) {
                                          const std::vector<double> over =
                                              results.Ratios(system, "HNN", model, "train_loss");
                                          for (size_t i = 0; i < over.size(); ++i) {
                                            over_best[i] = std::max(over_best[i], over[i]);
                                          }
                                        }
                                        return over_best;
                                      })));
}

void AddLossClaim(const ComparisonResults& results, ClaimRows* rows) {
  bool met = true;
  std::vector<std::string> figures;
  for (const auto& [family, systems] :
       {std::pair<const char*, Systems>{"chains", {"chain_pendulum_2", "chain_pendulum_3"}},
        {"springs", {"spring_pendulum_2", "spring_pendulum_3"}}}) {
    std::vector<std::pair<double, std::string>> with_l1, with_l2;
    std::vector<std::string> of_models;
    for (const std::string model : {"NODE", "NODE+SO", "HNN"}) {
      const std::string l1 = absl::StrCat(model, ", L1");
      double log_l1 = 0.0, log_l2 = 0.0;
      std::vector<double> ratios(results.seeds(), 1.0);
      const double share = 1.0 / static_cast<double>(systems.size());
      for (const std::string& system : systems) {
        log_l1 += share * results.MeanLog(system, l1, kRolloutError);
        log_l2 += share * results.MeanLog(system, model, kRolloutError);
        const std::vector<double> of_system = results.Ratios(system, l1, model, kRolloutError);
        for (size_t i = 0; i < ratios.size(); ++i) ratios[i] *= std::pow(of_system[i], share);
      }
      with_l1.emplace_back(log_l1, model);
      with_l2.emplace_back(log_l2, model);
      const double ratio = std::exp(log_l1 - log_l2);
      met = met && ratio >= 0.5 && ratio <= 1.1;
      of_models.push_back(absl::StrCat(model, " ", WithSpread(ratios)));
    }
    met = met && Order(with_l1) == Order(with_l2);
    figures.push_back(absl::StrCat(family, ": ", absl::StrJoin(of_models, ", "), "; with L2 ",
                                   Order(with_l2), ", with L1 ", Order(with_l1)));
  }
  rows->Add("T14", absl::StrCat("L1 / L2 in rollout error, ", absl::StrJoin(figures, "; ")), met);
}

void AddOtherSystemsClaim(const ComparisonResults& results, ClaimRows* rows) {
  const auto log = [&](const std::string& system, const char* model) {
    return results.MeanLog(system, model, kRolloutError);
  };
  bool met = log("gyroscope", "HNN") <= log("gyroscope", "NODE+SO") &&
             log("gyroscope", "NODE+SO") < log("gyroscope", "NODE");
  std::vector<std::string> figures;
  for (const std::string system : {"gyroscope", "magnet_pendulum", "rotor"}) {
    std::vector<std::string> of_models;
    for (const char* model : {"NODE", "NODE+SO", "HNN"}) {
      of_models.push_back(
          absl::StrCat(model, " ", WithSpread(results.Values(system, model, kRolloutError))));
    }
    figures.push_back(absl::StrCat(system, " ", absl::StrJoin(of_models, ", ")));
    if (system == "gyroscope") continue;
    const double node = log(system, "NODE"), so = log(system, "NODE+SO"), hnn = log(system, "HNN");
    met = met && node <= std::min(so, hnn) && std::max(so, hnn) - node <= std::log(2.0);
  }
  rows->Add("T15", absl::StrCat("rollout error: ", absl::StrJoin(figures, "; ")), met);
}

}  // namespace rollout
