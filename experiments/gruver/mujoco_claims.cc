#include "experiments/gruver/mujoco_claims.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "experiments/gruver/claim_rows.h"
#include "experiments/gruver/mujoco_run.h"

namespace rollout {
namespace {

constexpr int kSeeds = 4;

// Two models of a task in one metric.
struct Pair {
  const char* above;
  const char* below;
  const char* metric;
};

}  // namespace

std::vector<ClaimResult> MujocoClaims(const std::vector<std::string>& tasks,
                                      const ComparisonResults& results,
                                      const std::optional<ComparisonResults>& fair) {
  ClaimRows rows({"mujoco-rollouts", Scale::kShort, kSeeds}, results);
  const auto figures = [&](const Pair& pair) {
    return absl::StrCat(pair.above, " / ", pair.below, " in ",
                        std::string(pair.metric) == "test_mse" ? "test error" : "training loss",
                        ": ", BySystem(tasks, [&](const std::string& task) {
                          return results.Ratios(task, pair.above, pair.below, pair.metric);
                        }));
  };
  // On every task; a comparison with what is not a number is not met.
  const auto all = [&](const Pair& pair, const auto& rule) {
    bool met = true;
    for (const std::string& task : tasks) {
      met = met && rule(std::exp(LogRatio(results, task, pair.above, pair.below, pair.metric)));
    }
    return met;
  };
  const auto fair_figures = [&](const Pair& pair) -> std::string {
    if (!fair || fair->scale() != results.scale()) return "";
    return absl::StrCat(
        "; the fair one / ", pair.below, ", ", fair->seeds(),
        " seeds: ", BySystem({"hopper_v5", "half_cheetah_v5"}, [&](const std::string& task) {
          return fair->Ratios(task, kMujocoFairSymOden.name, pair.below, pair.metric);
        }));
  };
  const auto above = [](double ratio) { return ratio > 1.0; };
  const Pair m1 = {"NODE", "NODE+SO", "test_mse"}, m2 = {"SymODEN", "NODE", "test_mse"},
             m3 = {"SymODEN", "NODE", "train_loss"}, m3_so = {"NODE", "NODE+SO", "train_loss"},
             m4 = {"SymODEN", "NODE+SO", "test_mse"};
  rows.Add("M1", figures(m1), all(m1, above));
  rows.Add("M2", figures(m2) + fair_figures(m2), all(m2, above));
  rows.Add("M3", absl::StrCat(figures(m3), fair_figures(m3), "; ", figures(m3_so)),
           all(m3, above) && all(m3_so, [](double ratio) { return ratio >= 1.0; }));
  rows.Add("M4", figures(m4) + fair_figures(m4),
           all(m4, [](double ratio) { return ratio >= 3.0; }));
  return rows.Take();
}

}  // namespace rollout
