#include "experiments/gruver/mujoco_rollouts.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/mutex.h"
#include "experiments/gruver/comparison_results.h"
#include "experiments/gruver/mujoco_claims.h"
#include "experiments/gruver/mujoco_data.h"
#include "experiments/gruver/mujoco_run.h"
#include "experiments/gruver/toy_figures.h"
#include "experiments/ordering.h"
#include "experiments/statistics.h"

namespace rollout {
namespace {

const std::vector<std::string>& Tasks() {
  static const auto& tasks =
      *new std::vector<std::string>{"hopper_v5", "walker2d_v5", "swimmer_v5", "half_cheetah_v5"};
  return tasks;
}
const std::vector<std::string>& FairTasks() {
  static const auto& tasks = *new std::vector<std::string>{"hopper_v5", "half_cheetah_v5"};
  return tasks;
}
const std::vector<std::string>& PaperModels() {
  static const auto& models = *new std::vector<std::string>{"NODE", "NODE+SO", "SymODEN"};
  return models;
}

// How much of the paper's protocol a scale takes.
struct Protocol {
  int64_t steps, sac_steps, random_steps;
  int test_states;
};
Protocol ProtocolOf(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      // Untrained policies fall: short test rollouts.
      return {400, 3000, 2000, 20};
    case Scale::kShort:
      return {2000, 60000, 10000, 100};
    case Scale::kPaper:
      return {51200, 400000, 10000, 200};
  }
  return {};
}

constexpr int kFairSeeds = 2;
bool HasFairRun(const std::string& task, uint64_t seed) {
  const std::vector<std::string>& tasks = FairTasks();
  return std::find(tasks.begin(), tasks.end(), task) != tasks.end() && seed < kFairSeeds;
}

std::string DataKey(Scale scale, const std::string& task) {
  return absl::StrCat("mujoco-", Name(scale), "-", task);
}

}  // namespace

class MujocoRollouts::TaskData {
 public:
  TaskData(const Protocol& protocol, std::string task, std::string folder)
      : protocol_(protocol), task_(std::move(task)), folder_(std::move(folder)) {}

  absl::StatusOr<RunRecord> Run(const MujocoRun& run, const RunContext& context) {
    const std::string partial = std::filesystem::path(context.partial).parent_path().string();
    if (absl::Status status = Load(partial, context.stop); !status.ok()) return status;
    return MakeMujocoRun(run, *data_, test_, context);
  }

  absl::StatusOr<TrainedModel> ReadModel(const MujocoRun& run, const std::string& trained) {
    const std::string partial = std::filesystem::path(trained).parent_path().string();
    const std::string episodes = absl::StrCat(partial, "/", folder_, "/", kReplayFile);
    if (!std::filesystem::exists(episodes)) {
      return absl::NotFoundError(absl::StrCat("there is no ", episodes));
    }
    const std::atomic<bool> stop = false;
    if (absl::Status status = Load(partial, stop); !status.ok()) return status;
    return ReadMujocoModel(run, *data_, test_, trained);
  }

 private:
  // Nothing changes any more once the data are there.
  absl::Status Load(const std::string& partial, const std::atomic<bool>& stop)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (data_) return absl::OkStatus();
    auto data = ReadReplayEpisodes({.task = task_,
                                    .folder = absl::StrCat(partial, "/", folder_),
                                    .sac_steps = protocol_.sac_steps,
                                    .random_steps = protocol_.random_steps},
                                   stop);
    if (!data.ok()) return data.status();
    auto test = TakeTestStretches(*data, protocol_.test_states);
    if (!test.ok()) return test.status();
    test_ = *std::move(test);
    data_ = *std::move(data);
    return absl::OkStatus();
  }

  const Protocol protocol_;
  const std::string task_, folder_;
  Mutex mutex_;
  std::optional<FitData> data_;
  std::vector<ObservedEpisode> test_;
};

MujocoRollouts::MujocoRollouts() {
  for (const Scale scale : {Scale::kQuick, Scale::kShort, Scale::kPaper}) {
    for (const std::string& task : Tasks()) {
      const std::string key = DataKey(scale, task);
      data_[key] = std::make_shared<TaskData>(ProtocolOf(scale), task, key);
    }
  }
}

std::vector<PlannedRun> MujocoRollouts::Plan(Scale scale, int seeds) const {
  std::vector<PlannedRun> runs;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
    // Model by model, so that the first runs are of one task each: the trainings of SAC that they
    // begin with go side by side, and no run waits for the data of another's task.
    for (const MujocoModel& model :
         {kMujocoNode, kMujocoNodeSo, kMujocoSymOden, kMujocoFairSymOden}) {
      for (const std::string& task : Tasks()) {
        if (std::string(model.name) == kMujocoFairSymOden.name && !HasFairRun(task, seed)) continue;
        MujocoRun run;
        run.key = absl::StrCat(Name(scale), "/", task, "/", model.name, "/seed", seed);
        run.task = task;
        run.model = model;
        run.steps = ProtocolOf(scale).steps;
        run.seed = seed;
        runs.push_back({run.key,
                        [run, scale, data = data_.at(DataKey(scale, task))](
                            const RunContext& context) -> absl::StatusOr<RunRecord> {
                          auto record = data->Run(run, context);
                          if (!record.ok()) return record;
                          record->settings["scale"] = Name(scale);
                          record->settings["learning_rate"] = "2e-4 to 1e-6";
                          record->settings["batch"] = "200";
                          return record;
                        },
                        [run, data = data_.at(DataKey(scale, task))](const std::string& trained) {
                          return data->ReadModel(run, trained);
                        }});
      }
    }
  }
  return runs;
}

std::string MujocoRollouts::Report(const std::vector<RunRecord>& records) const {
  std::string page = absl::StrCat(
      "# ", title(),
      "\n\nTest error: mean over held-out rollouts, times and dimensions of ((ẑ − z) / deviation "
      "of "
      "the training states)², medians over seeds [least, most]; inf where a rollout is not finite. "
      "SymODEN as "
      "the "
      "paper has it: identity mass, one Euler step a transition, no scale on its networks' "
      "outputs; "
      "the fair one has a learned mass and the substeps and scales of the others. Not copied from "
      "the papers' code: its SymODEN takes H's derivatives by the normalised state, so that dq/dt "
      "is a normalised velocity (here v); its learning rate is 5e-3 in the place of the paper's "
      "2e-4 to 1e-6 (here the paper's); its batches are not shuffled. Training states come from "
      "the episodes of one SAC training "
      "a "
      "task, a fifth of them held out.\n\n");
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    std::map<std::pair<std::string, std::string>, std::vector<RunRecord>> rows;
    for (const RunRecord& record : records) {
      if (record.settings.at("scale") != Name(scale)) continue;
      rows[{record.settings.at("system"), record.settings.at("model")}].push_back(record);
    }
    if (rows.empty()) continue;
    absl::StrAppend(
        &page, "## Scale `", Name(scale),
        "`\n\n| task | model | seeds | steps | test error | median rollout | test error "
        "at half the steps | train loss | parameters | CPU ms a step | test rollouts | "
        "not finite |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    std::map<std::string, std::vector<ModelErrors>> errors;  // by task
    for (const auto& [row, runs] : rows) {
      const auto values = [&](const char* metric) {
        std::vector<double> of_seeds;
        for (const RunRecord& run : runs) {
          const auto found = run.metrics.find(metric);
          const bool there = found != run.metrics.end() && !std::isnan(found->second);
          of_seeds.push_back(there ? found->second : INFINITY);
        }
        return of_seeds;
      };
      const auto median = [&](const char* metric) { return Median(values(metric)); };
      const auto& settings = runs[0].settings;
      absl::StrAppendFormat(
          &page, "| %s | %s | %d | %s | %s | %s | %.3g | %s | %.0f | %.1f | %s x %s | %.0f |\n",
          row.first, row.second, runs.size(), settings.at("steps"), WithSpread(values("test_mse")),
          WithSpread(values("test_median")), median("half_test_mse"),
          WithSpread(values("train_loss")), median("parameters"),
          1e3 * median("cpu_seconds_per_step"), settings.at("test_rollouts"),
          settings.at("test_states"), median("not_finite"));
      errors[row.first].push_back({row.second, median("test_mse"), median("half_test_mse")});
    }
    page += "\nBy test error, best first:\n\n";
    for (const auto& [task, models] : errors) {
      absl::StrAppend(&page, "- ", task, ": ", OrderingWithHalf(models), "\n");
    }
    page += "\n";
  }
  return page;
}

std::vector<Figure> MujocoRollouts::Figures(const std::vector<RunRecord>& records) const {
  const auto results = ComparisonResults::OfLargestScale(records, Tasks(), PaperModels());
  if (!results) return {};
  return {DrawErrors(name(), *results, Tasks(), PaperModels(), "test_mse")};
}

std::vector<ClaimResult> MujocoRollouts::Claims(const std::vector<RunRecord>& records) const {
  const auto results = ComparisonResults::OfLargestScale(records, Tasks(), PaperModels());
  if (!results) return {};
  return MujocoClaims(Tasks(), *results,
                      ComparisonResults::OfLargestScale(
                          records, FairTasks(), {"NODE", "NODE+SO", kMujocoFairSymOden.name}));
}

}  // namespace rollout
