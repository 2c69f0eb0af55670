#include "experiments/greydanus/greydanus_table.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/greydanus/greydanus_run.h"
#include "experiments/greydanus/greydanus_task.h"
#include "experiments/ordering.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

constexpr GreydanusModel kModels[] = {{"baseline", DynamicsKind::kNode},
                                      {"HNN", DynamicsKind::kHnnCanonical}};

int64_t StepsAt(Scale scale, const GreydanusTask& task) {
  switch (scale) {
    case Scale::kQuick:
      return task.steps / 20;
    case Scale::kShort:
      return task.steps / 4;
    case Scale::kPaper:
      return task.steps;
  }
  return 0;
}

struct Summary {
  size_t seeds = 0;
  std::string steps;
  std::vector<double> train_loss, test_loss;  // of each seed
  double energy_mean = 0.0;                   // the published protocol's
  double energy_median = 0.0, half_median = 0.0;
  Interval interval;
  int not_finite = 0;
};

Summary Summarise(const std::vector<RunRecord>& records, const std::string& system,
                  const std::string& model, const std::string& scale) {
  Summary summary;
  std::vector<double> all, half;
  std::vector<std::vector<double>> groups;
  for (const RunRecord& record : records) {
    if (record.settings.at("system") != system || record.settings.at("model") != model ||
        record.settings.at("scale") != scale) {
      continue;
    }
    summary.steps = record.settings.at("steps");
    summary.train_loss.push_back(record.metrics.at("train_loss"));
    summary.test_loss.push_back(record.metrics.at("test_loss"));
    const std::vector<double>& errors = record.series.at("energy_mse");
    groups.push_back(errors);
    all.insert(all.end(), errors.begin(), errors.end());
    const auto early = record.series.find("half_energy_mse");
    if (early != record.series.end()) {
      half.insert(half.end(), early->second.begin(), early->second.end());
    }
  }
  summary.seeds = groups.size();
  if (groups.empty()) return summary;
  summary.energy_mean = Mean(all);
  summary.energy_median = Median(all);
  summary.half_median = Median(half);
  summary.interval = BootstrapMedian(groups, 0);
  for (const double error : all) summary.not_finite += std::isnan(error);
  return summary;
}

std::string Row(const GreydanusTask& task, const GreydanusModel& model, const Summary& summary) {
  const PublishedRow& published = model.kind == DynamicsKind::kNode ? task.baseline : task.hnn;
  return absl::StrFormat(
      "| %s | %s | %d | %s | %s (%.3g) | %s (%.3g) | %.3g (%.3g) | %.3g [%.3g, %.3g] | %.3g | "
      "%d "
      "|\n",
      task.title, model.name, summary.seeds, summary.steps, WithSpread(summary.train_loss),
      published.train_loss, WithSpread(summary.test_loss), published.test_loss, summary.energy_mean,
      published.energy_mse, summary.energy_median, summary.interval.low, summary.interval.high,
      summary.half_median, summary.not_finite);
}

}  // namespace

std::vector<PlannedRun> GreydanusTable::Plan(Scale scale, int seeds) const {
  std::vector<PlannedRun> runs;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
    for (const GreydanusTask& task : GreydanusTasks()) {
      for (const GreydanusModel& model : kModels) {
        const std::string key =
            absl::StrCat(Name(scale), "/", task.system, "/", model.name, "/seed", seed);
        runs.push_back({key, [&task, &model, scale, seed, key](const RunContext& context) {
                          auto record =
                              MakeGreydanusRun(task, model, StepsAt(scale, task), seed, context);
                          if (record.ok()) {
                            record->key = key;
                            record->settings["scale"] = Name(scale);
                            record->settings["learning_rate"] = "1e-3";
                            record->settings["batch"] =
                                task.batch == 0 ? "all" : absl::StrCat(task.batch);
                          }
                          return record;
                        }});
      }
    }
  }
  return runs;
}

std::string GreydanusTable::Report(const std::vector<RunRecord>& records) const {
  std::string page = absl::StrCat(
      "# ", title(),
      "\n\nLosses are medians over seeds [least, most] of the mean of (dx − f(x))²; energy errors "
      "are means over "
      "time of (H(model's state) − H(true state))² with the true H, from 15 first states for each "
      "seed. In parentheses: the authors' published figure. The mean is over all rollouts, as they "
      "publish it; a few rollouts decide it. The median is over all rollouts, with the 95% "
      "bootstrap "
      "interval over seeds and rollouts; beside it the median after half of the steps.\n\nThe "
      "pixel "
      "pendulum is learned from pairs of frames: its losses are those of reconstruction, velocity "
      "and "
      "latent dynamics together, its energy error (J^2) is that of the motion which the decoded "
      "frames "
      "show over 10 s, with angles read off the frames; the published figures are in units that "
      "the "
      "papers' code does not name.\n\n");
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    std::string rows, orderings;
    for (const GreydanusTask& task : GreydanusTasks()) {
      std::vector<ModelErrors> errors;
      for (const GreydanusModel& model : kModels) {
        const Summary summary = Summarise(records, task.system, model.name, Name(scale));
        if (summary.seeds == 0) continue;
        rows += Row(task, model, summary);
        errors.push_back({model.name, summary.energy_median, summary.half_median});
      }
      if (errors.size() < 2) continue;
      absl::StrAppend(&orderings, "- ", task.title, ": ", OrderingWithHalf(errors), "\n");
    }
    if (rows.empty()) continue;
    absl::StrAppend(
        &page, "## Scale `", Name(scale),
        "`\n\n| task | model | seeds | steps | train loss | test loss | energy MSE, mean "
        "| energy MSE, median [95%] | median at half the steps | not finite |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n",
        rows, "\nBy median energy error, best first:\n\n", orderings, "\n");
  }
  return page;
}

}  // namespace rollout
