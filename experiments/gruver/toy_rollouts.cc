#include "experiments/gruver/toy_rollouts.h"

#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/gruver/comparison_results.h"
#include "experiments/gruver/toy_claims.h"
#include "experiments/gruver/toy_figures.h"
#include "experiments/ordering.h"
#include "experiments/statistics.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

int64_t StepsAt(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return 200;
    case Scale::kShort:
      return 2000;
    case Scale::kPaper:
      return 8000;
  }
  return 0;
}

struct Row {
  std::vector<double> rollout, energy, rollout_as_coded, energy_as_coded;
  std::vector<double> mse, half, loss, step_seconds, symplecticity;
  double parameters = 0.0;
  int diverged = 0, not_finite = 0;
};

std::string Cells(const std::string& system, const std::string& model, const Row& row) {
  const double energy = Median(row.energy_as_coded);
  // Not of every system, and not of runs before it was measured.
  const std::string energy_as_coded = std::isnan(energy) ? "–" : absl::StrFormat("%.3g", energy);
  return absl::StrFormat(
      "| %s | %s | %d | %s | %s | %.3g, %s | %s | %.3g | %.3g | %.0f | %.1f | %d, %d |\n", system,
      model, row.rollout.size(), WithSpread(row.rollout), WithSpread(row.energy),
      Median(row.rollout_as_coded), energy_as_coded, WithSpread(row.mse), Median(row.half),
      Median(row.loss), row.parameters, 1e3 * Median(row.step_seconds), row.diverged,
      row.not_finite);
}

// Best first by the median rollout error, and whether half of the steps gave the same order.
std::string Ordering(const std::vector<std::pair<std::string, const Row*>>& rows) {
  std::vector<ModelErrors> errors;
  for (const auto& [model, row] : rows) {
    errors.push_back({model, Median(row->rollout), Median(row->half)});
  }
  return OrderingWithHalf(errors);
}

std::vector<ToyModel> WithFirst(std::vector<ToyModel> models, const std::vector<ToyModel>& others) {
  models.insert(models.end(), others.begin(), others.end());
  return models;
}

// How asymmetric J DF is, and whether runs of a system in which it is more so predict worse.
std::string Symplecticity(const std::string& system,
                          const std::vector<std::pair<std::string, const Row*>>& rows) {
  std::string text = absl::StrCat("| ", system, " |");
  std::vector<double> errors, rollout;
  for (const auto& [model, row] : rows) {
    absl::StrAppendFormat(&text, " %.3g |", Median(row->symplecticity));
    errors.insert(errors.end(), row->symplecticity.begin(), row->symplecticity.end());
    rollout.insert(rollout.end(), row->rollout.begin(), row->rollout.end());
  }
  absl::StrAppendFormat(&text, " %.2f (%d runs) |\n", RankCorrelation(errors, rollout),
                        errors.size());
  return text;
}

}  // namespace

std::vector<PlannedRun> ToyRollouts::Plan(Scale scale, int seeds) const {
  std::vector<PlannedRun> runs;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
    for (const std::string& system : comparison_.systems) {
      for (const ToyModel& model : comparison_.models) {
        ToyRun run;
        run.key = absl::StrCat(Name(scale), "/", system, "/", model.name, "/seed", seed);
        run.system = system;
        run.model = model;
        run.steps = StepsAt(scale);
        run.seed = seed;
        runs.push_back({run.key,
                        [run, scale](const RunContext& context) -> absl::StatusOr<RunRecord> {
                          auto record = MakeToyRun(run, context);
                          if (!record.ok()) return record;
                          // No part of what a stopped run goes on from, as it was saved before they
                          // were told.
                          record->settings["scale"] = Name(scale);
                          record->settings["learning_rate"] = "5e-3 to 5e-6";
                          record->settings["batch"] = "200";
                          return record;
                        },
                        [run](const std::string& trained) { return ReadToyModel(run, trained); }});
      }
    }
  }
  return runs;
}

std::string ToyRollouts::Report(const std::vector<RunRecord>& records) const {
  std::string page = absl::StrCat(
      "# ", title(),
      "\n\nMedians over seeds [least, most]. Rollout and energy error: geometric mean over 200 "
      "rollouts of 100 "
      "states, the first left out, of ‖ẑ − z‖ / (‖ẑ‖ + ‖z‖) and |H(ẑ) − H(z)| / (|H(ẑ)| + |H(z)|) "
      "with the true H. As coded: what the papers' code computes, with the first state, which "
      "counts "
      "as 1e-7, and velocities where momenta belong in H. Last column: runs that diverged, "
      "rollouts that were not finite.\n\n");
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    std::map<std::pair<std::string, std::string>, Row> rows;
    std::string steps;
    for (const RunRecord& record : records) {
      if (record.settings.at("scale") != Name(scale)) continue;
      steps = record.settings.at("steps");
      Row& row = rows[{record.settings.at("system"), record.settings.at("model")}];
      const auto metric = [&](const char* name) {
        const auto found = record.metrics.find(name);
        return found == record.metrics.end() ? std::nan("") : found->second;
      };
      row.rollout.push_back(metric("rollout_error"));
      row.energy.push_back(metric("energy_error"));
      row.rollout_as_coded.push_back(metric("rollout_error_as_coded"));
      const double energy_as_coded = metric("energy_error_as_coded");
      if (!std::isnan(energy_as_coded)) row.energy_as_coded.push_back(energy_as_coded);
      row.mse.push_back(metric("mse"));
      row.half.push_back(metric("half_rollout_error"));
      row.loss.push_back(metric("train_loss"));
      row.symplecticity.push_back(metric("symplecticity_error"));
      row.step_seconds.push_back(metric("cpu_seconds_per_step"));
      row.parameters = metric("parameters");
      row.diverged += record.outcome != "finished";
      row.not_finite += static_cast<int>(metric("not_finite"));
    }
    if (rows.empty()) continue;
    absl::StrAppend(&page, "## Scale `", Name(scale), "`: ", steps,
                    " optimiser steps\n\n| system | model | seeds | rollout error | energy error | "
                    "as coded: rollout, energy | MSE | rollout error at half the steps | train "
                    "loss | parameters | ms a step | "
                    "diverged, not finite |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    std::string orderings, symplecticity;
    for (const std::string& system : comparison_.systems) {
      std::vector<std::pair<std::string, const Row*>> of_system;
      for (const ToyModel& model : comparison_.models) {
        const auto found = rows.find({system, model.name});
        if (found == rows.end()) continue;
        page += Cells(system, model.name, found->second);
        of_system.emplace_back(model.name, &found->second);
      }
      if (of_system.size() > 1) {
        absl::StrAppend(&orderings, "- ", system, ": ", Ordering(of_system), "\n");
        symplecticity += Symplecticity(system, of_system);
      }
    }
    absl::StrAppend(&page, "\nBy rollout error, best first:\n\n", orderings, "\n");
    if (!comparison_.shows_symplecticity) continue;
    absl::StrAppend(&page,
                    "Symplecticity error: mean of ((J DF) − (J DF)ᵀ)² at true states, in each "
                    "model's own (q, p). Last: its rank correlation with the rollout error over "
                    "runs.\n\n| system |");
    std::string line = "|---|";
    for (const ToyModel& model : comparison_.models) {
      absl::StrAppend(&page, " ", model.name, " |");
      line += "---|";
    }
    absl::StrAppend(&page, " rank correlation |\n", line, "---|\n", symplecticity, "\n");
  }
  return page;
}

std::vector<std::string> ToyRollouts::ModelNames() const {
  std::vector<std::string> names;
  for (const ToyModel& model : comparison_.models) names.push_back(model.name);
  return names;
}

std::vector<Figure> ToyRollouts::Figures(const std::vector<RunRecord>& records) const {
  const std::vector<std::string> models = ModelNames();
  const auto results = ComparisonResults::OfLargestScale(records, comparison_.systems, models);
  if (!results) return {};
  std::vector<Figure> figures = {DrawErrors(name(), *results, comparison_.systems, models)};
  if (name() != "toy-rollouts") return figures;
  figures.push_back(DrawEnergyAgainstRollout(name(), *results, comparison_.systems, models));
  figures.push_back(DrawGrowth(name(), *results, comparison_.systems, {"NODE", "HNN"},
                               MakeEquationsOfMotion(comparison_.systems[0])->info().dt));
  return figures;
}

std::vector<ClaimResult> ToyRollouts::Claims(const std::vector<RunRecord>& records) const {
  const auto results =
      ComparisonResults::OfLargestScale(records, comparison_.systems, ModelNames());
  if (!results) return {};
  return ToyClaims(name(), *results);
}

std::vector<ToyComparison> ToyComparisons() {
  const std::vector<std::string> conservative = {"chain_pendulum_2",  "chain_pendulum_3",
                                                 "chain_pendulum_4",  "spring_pendulum_2",
                                                 "spring_pendulum_3", "spring_pendulum_4"};
  return {
      {"toy-rollouts",
       "Gruver et al. (2022), figures 2, 4 (left) and 5: rollout and energy error of chains and "
       "springs",
       conservative,
       {kNode, kNodeSo, kHnn}},
      {"toy-second-order",
       "Gruver et al. (2022), figure 4 (right): HNN with and without second-order structure",
       conservative,
       {kHnn, kHnnWithoutSo}},
      {"toy-friction",
       "Gruver et al. (2022), figure 6: chains and springs with drag",
       {"chain_pendulum_1_friction", "chain_pendulum_2_friction", "chain_pendulum_3_friction",
        "chain_pendulum_4_friction", "spring_pendulum_1_friction", "spring_pendulum_2_friction",
        "spring_pendulum_3_friction", "spring_pendulum_4_friction"},
       {kNode, kNodeSo, kHnn, kSymOden}},
      {"toy-others",
       "Gruver et al. (2022), figure 9: gyroscope, magnet pendulum and rotor",
       {"gyroscope", "magnet_pendulum", "rotor"},
       {kNode, kNodeSo, kHnn}},
      {"toy-symplectic",
       "Gruver et al. (2022), figure 3: a symplectic regulariser on NODE+SO, and the degree of "
       "symplecticity beside the rollout error",
       {"chain_pendulum_2", "chain_pendulum_3", "spring_pendulum_2"},
       WithFirst({kNodeSo}, RegularisedModels()),
       true},
      {"toy-losses",
       "Gruver et al. (2022), figure 8: absolute in the place of squared errors in the loss",
       {"chain_pendulum_2", "chain_pendulum_3", "spring_pendulum_2", "spring_pendulum_3"},
       WithFirst({kNode, kNodeSo, kHnn}, L1Models())},
  };
}

}  // namespace rollout
