// The rules on made-up records, on either side of each threshold.
#include "experiments/gruver/toy_claims.h"

#include <cmath>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "experiments/gruver/toy_rollouts.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

// Fills one run's errors.
using Fill = std::function<void(const std::string& system, const std::string& model, RunRecord*)>;

const ToyComparison& Find(const std::string& name) {
  static const auto& comparisons = *new std::vector<ToyComparison>(ToyComparisons());
  for (const ToyComparison& comparison : comparisons) {
    if (comparison.name == name) return comparison;
  }
  return comparisons[0];
}

std::vector<RunRecord> Records(const std::string& experiment, int seeds, const Fill& fill,
                               const std::string& scale = "paper") {
  std::vector<RunRecord> records;
  for (int seed = 0; seed < seeds; ++seed) {
    for (const std::string& system : Find(experiment).systems) {
      for (const ToyModel& model : Find(experiment).models) {
        RunRecord record;
        record.settings = {
            {"system", system}, {"model", model.name}, {"scale", scale}, {"steps", "8000"}};
        record.seed = static_cast<uint64_t>(seed);
        fill(system, model.name, &record);
        // A little apart from seed to seed.
        for (auto& [name, value] : record.metrics) value *= 1.0 + 0.01 * seed;
        records.push_back(std::move(record));
      }
    }
  }
  return records;
}

// Errors by model; energy error in proportion, growing in proportion to time.
Fill Errors(const std::map<std::string, double>& by_model, double energy_power = 1.0) {
  return [=](const std::string& system, const std::string& model, RunRecord* record) {
    const double harder = 1.0 + static_cast<double>(system[system.size() - 1] - '0');
    const double error = by_model.at(model) * harder;
    record->metrics = {{"rollout_error", error},
                       {"energy_error", std::pow(error, energy_power)},
                       {"mse", error * error},
                       {"cpu_seconds_per_step", model == "HNN" ? 0.04 : 0.02},
                       {"parameters", model == "SymODEN" ? 3.0 : 2.0},
                       {"train_loss", error}};
    for (int t = 1; t <= 99; ++t) record->series["energy_error_at"].push_back(1e-3 * t);
  };
}

std::string Verdict(const std::string& experiment, const std::vector<RunRecord>& records,
                    const std::string& id) {
  for (const ClaimResult& claim : ToyRollouts(Find(experiment)).Claims(records)) {
    if (claim.id == id) return claim.verdict;
  }
  return "none";
}

TEST(ToyClaimsTest, WhatThePaperFindsHolds) {
  const auto records =
      Records("toy-rollouts", 3, Errors({{"NODE", 0.1}, {"NODE+SO", 0.02}, {"HNN", 0.01}}));
  for (const char* id : {"T2", "T3", "T4", "T7", "T9", "T10", "T16"}) {
    EXPECT_EQ(Verdict("toy-rollouts", records, id), "holds") << id;
  }
  // The gap closed: ln 5 / ln 10 = 0.70 holds on springs; HNN is ahead on springs too.
  EXPECT_EQ(Verdict("toy-rollouts", records, "T1"), "does not hold");
  EXPECT_EQ(Verdict("toy-rollouts", records, "T11"), "does not hold");
}

TEST(ToyClaimsTest, TheOppositeDoesNotHold) {
  const auto records =
      Records("toy-rollouts", 2, Errors({{"NODE", 0.01}, {"NODE+SO", 0.02}, {"HNN", 0.1}}, 3.0));
  for (const char* id : {"T2", "T7", "T9", "T10"}) {
    EXPECT_EQ(Verdict("toy-rollouts", records, id), "does not hold") << id;
  }
  EXPECT_EQ(Verdict("toy-rollouts", records, "T11"), "holds");
}

TEST(ToyClaimsTest, OneSeedHasNoStandardError) {
  const Fill fill = Errors({{"NODE", 0.1}, {"NODE+SO", 0.02}, {"HNN", 0.01}});
  EXPECT_EQ(Verdict("toy-rollouts", Records("toy-rollouts", 1, fill), "T7"),
            "not run with enough seeds (at `paper`)");
}

TEST(ToyClaimsTest, ADivergedRunIsWorseThanAnyOther) {
  auto records =
      Records("toy-rollouts", 1, Errors({{"NODE", 0.1}, {"NODE+SO", 0.05}, {"HNN", 0.01}}));
  for (RunRecord& record : records) {
    if (record.settings["model"] == "HNN") record.outcome = "diverged: at step 7";
  }
  EXPECT_EQ(Verdict("toy-rollouts", records, "T10"), "does not hold");
}

TEST(ToyClaimsTest, SmallerScalesDecideNothing) {
  const Fill fill = Errors({{"NODE", 0.1}, {"NODE+SO", 0.02}, {"HNN", 0.01}});
  auto records = Records("toy-rollouts", 2, fill, "short");
  EXPECT_EQ(Verdict("toy-rollouts", records, "T10"), "not run at paper scale; met at `short`");
  EXPECT_EQ(Verdict("toy-rollouts", Records("toy-rollouts", 2, fill, "quick"), "T10"), "none");
  // But a step costs what it costs.
  EXPECT_EQ(Verdict("toy-rollouts", records, "T16"), "holds");
  // A paper run alone is no whole seed.
  auto paper = Records("toy-rollouts", 1, fill);
  paper.resize(5);
  records.insert(records.end(), paper.begin(), paper.end());
  EXPECT_TRUE(absl::StartsWith(Verdict("toy-rollouts", records, "T10"), "not run at paper scale"));
  EXPECT_EQ(Verdict("toy-rollouts", paper, "T10"), "none");
}

TEST(ToyClaimsTest, SecondOrderFrictionAndOtherSystems) {
  EXPECT_EQ(
      Verdict("toy-second-order",
              Records("toy-second-order", 1, Errors({{"HNN", 1}, {"HNN without SO", 2}})), "T8"),
      "holds");
  const std::map<std::string, double> drag = {
      {"NODE", 0.2}, {"NODE+SO", 0.1}, {"HNN", 0.5}, {"SymODEN", 0.1}};
  const auto friction = Records("toy-friction", 1, Errors(drag));
  // Equal time a step: not less.
  EXPECT_EQ(Verdict("toy-friction", friction, "T12"), "does not hold");
  const Fill cheap = [&](const std::string& system, const std::string& model, RunRecord* record) {
    Errors(drag)(system, model, record);
    if (model == "SymODEN") record->metrics["cpu_seconds_per_step"] = 0.05;
  };
  EXPECT_EQ(Verdict("toy-friction", Records("toy-friction", 1, cheap), "T12"), "holds");
  EXPECT_EQ(Verdict("toy-friction", friction, "T13"), "reported, not gated");
  const Fill others = [](const std::string& system, const std::string& model, RunRecord* record) {
    const bool gyroscope = system == "gyroscope";
    record->metrics["rollout_error"] = model == "NODE"  ? (gyroscope ? 0.3 : 0.1)
                                       : model == "HNN" ? 0.15
                                                        : 0.18;
  };
  EXPECT_EQ(Verdict("toy-others", Records("toy-others", 2, others), "T15"), "holds");
}

TEST(ToyFiguresTest, ArePartOfTheReport) {
  const auto records =
      Records("toy-rollouts", 2, Errors({{"NODE", 0.1}, {"NODE+SO", 0.02}, {"HNN", 0.01}}));
  const ToyRollouts experiment(Find("toy-rollouts"));
  const std::vector<Figure> figures = experiment.Figures(records);
  ASSERT_EQ(figures.size(), 3u);
  EXPECT_EQ(figures[0].file, "toy-rollouts-errors.svg");
  for (const Figure& figure : figures) {
    EXPECT_EQ(figure.svg.find("nan"), std::string::npos) << figure.file;
    EXPECT_NE(figure.svg.find(">NODE</text>"), std::string::npos) << figure.file;
  }
  EXPECT_NE(figures[0].svg.find("chain pendulum"), std::string::npos);
}

}  // namespace
}  // namespace rollout
