#include "experiments/greydanus/greydanus_table.h"

#include <cmath>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "experiments/greydanus/derivative_data.h"
#include "experiments/greydanus/derivative_fit.h"
#include "experiments/greydanus/energy_rollouts.h"
#include "experiments/greydanus/greydanus_task.h"
#include "experiments/statistics.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

struct TableModel {
  const char* name;
  DynamicsKind kind;
};
constexpr TableModel kModels[] = {{"baseline", DynamicsKind::kNode},
                                  {"HNN", DynamicsKind::kHnnCanonical}};

// Streams of a run's seed.
constexpr uint64_t kDataStream = 1, kStateStream = 2, kWeightStream = 3;

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

// A fit whose loss is no longer finite ends the run's training, not the experiment.
absl::StatusOr<RunRecord> MakeRun(const GreydanusTask& task, const TableModel& model, Scale scale,
                                  uint64_t seed, const std::string& key,
                                  const std::atomic<bool>& stop) {
  const absl::Time start = absl::Now();
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(task.system);
  const DerivativeData data = MakeDerivativeData(*mechanics, task, DeriveSeed(seed, kDataStream));
  const std::vector<double> first_states =
      EnergyFirstStates(*mechanics, task, DeriveSeed(seed, kStateStream));
  const int64_t steps = StepsAt(scale, task);
  auto fit = DerivativeFit::Create(data.train, mechanics->info().dt,
                                   {.kind = model.kind,
                                    .batch = task.batch,
                                    .weight_decay = task.weight_decay,
                                    .seed = DeriveSeed(seed, kWeightStream)});
  if (!fit.ok()) return fit.status();
  RunRecord record;
  record.key = key;
  record.seed = seed;
  record.settings = {{"system", task.system},
                     {"model", model.name},
                     {"scale", Name(scale)},
                     {"steps", absl::StrCat(steps)}};
  const auto measure = [&](const std::string& name) {
    auto error = MeasureEnergyError(*mechanics, task, (*fit)->Model(), first_states);
    if (!error.ok()) return error.status();
    record.metrics[absl::StrCat(name, "_mean")] = Mean(error->mean_squared);
    record.metrics[absl::StrCat(name, "_median")] = Median(error->mean_squared);
    record.series[name] = error->mean_squared;
    return absl::OkStatus();
  };
  while ((*fit)->step() < steps) {
    if (stop) return absl::CancelledError("stopped");
    if (const absl::Status status = (*fit)->Step(); !status.ok()) {
      record.outcome = absl::StrCat("diverged: ", status.message());
      break;
    }
    if ((*fit)->step() == steps / 2) {
      if (absl::Status status = measure("half_energy_mse"); !status.ok()) return status;
    }
  }
  for (const auto& [name, samples] :
       {std::pair<const char*, const DerivativeSamples*>("train_loss", &data.train),
        {"test_loss", &data.test}}) {
    const auto loss = (*fit)->Loss(*samples);
    if (!loss.ok()) return loss.status();
    record.metrics[name] = *loss;
  }
  if (absl::Status status = measure("energy_mse"); !status.ok()) return status;
  record.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return record;
}

struct Summary {
  size_t seeds = 0;
  std::string steps;
  double train_loss = 0.0, test_loss = 0.0;  // medians over seeds
  double energy_mean = 0.0;                  // the published protocol's
  double energy_median = 0.0, half_median = 0.0;
  Interval interval;
  int not_finite = 0;
};

Summary Summarise(const std::vector<RunRecord>& records, const std::string& system,
                  const std::string& model, const std::string& scale) {
  Summary summary;
  std::vector<double> train, test, all, half;
  std::vector<std::vector<double>> groups;
  for (const RunRecord& record : records) {
    if (record.settings.at("system") != system || record.settings.at("model") != model ||
        record.settings.at("scale") != scale) {
      continue;
    }
    summary.steps = record.settings.at("steps");
    train.push_back(record.metrics.at("train_loss"));
    test.push_back(record.metrics.at("test_loss"));
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
  summary.train_loss = Median(train);
  summary.test_loss = Median(test);
  summary.energy_mean = Mean(all);
  summary.energy_median = Median(all);
  summary.half_median = Median(half);
  summary.interval = BootstrapMedian(groups, 0);
  for (const double error : all) summary.not_finite += std::isnan(error);
  return summary;
}

std::string Row(const GreydanusTask& task, const TableModel& model, const Summary& summary) {
  const PublishedRow& published = model.kind == DynamicsKind::kNode ? task.baseline : task.hnn;
  return absl::StrFormat(
      "| %s | %s | %d | %s | %.3g (%.3g) | %.3g (%.3g) | %.3g (%.3g) | %.3g [%.3g, %.3g] | %.3g | "
      "%d "
      "|\n",
      task.title, model.name, summary.seeds, summary.steps, summary.train_loss,
      published.train_loss, summary.test_loss, published.test_loss, summary.energy_mean,
      published.energy_mse, summary.energy_median, summary.interval.low, summary.interval.high,
      summary.half_median, summary.not_finite);
}

}  // namespace

std::vector<PlannedRun> GreydanusTable::Plan(Scale scale, int seeds) const {
  std::vector<PlannedRun> runs;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
    for (const GreydanusTask& task : GreydanusTasks()) {
      for (const TableModel& model : kModels) {
        const std::string key =
            absl::StrCat(Name(scale), "/", task.system, "/", model.name, "/seed", seed);
        runs.push_back({key, [&task, &model, scale, seed, key](const std::atomic<bool>& stop) {
                          return MakeRun(task, model, scale, seed, key, stop);
                        }});
      }
    }
  }
  return runs;
}

std::string GreydanusTable::Report(const std::vector<RunRecord>& records) const {
  std::string page = absl::StrCat(
      "# ", title(),
      "\n\nLosses are medians over seeds of the mean of (dx − f(x))²; energy errors are means over "
      "time of (H(model's state) − H(true state))² with the true H, from 15 first states for each "
      "seed. In brackets: the authors' published figure. The mean is over all rollouts, as they "
      "publish it; a few rollouts decide it. The median is over all rollouts, with the 95% "
      "bootstrap "
      "interval over seeds and rollouts; beside it the median after half of the steps.\n\n");
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    std::string rows;
    for (const GreydanusTask& task : GreydanusTasks()) {
      for (const TableModel& model : kModels) {
        const Summary summary = Summarise(records, task.system, model.name, Name(scale));
        if (summary.seeds > 0) rows += Row(task, model, summary);
      }
    }
    if (rows.empty()) continue;
    absl::StrAppend(
        &page, "## Scale `", Name(scale),
        "`\n\n| task | model | seeds | steps | train loss | test loss | energy MSE, mean "
        "| energy MSE, median [95%] | median at half the steps | not finite |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n",
        rows, "\n");
  }
  return page;
}

}  // namespace rollout
