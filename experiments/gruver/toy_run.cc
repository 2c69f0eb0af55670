#include "experiments/gruver/toy_run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "experiments/gruver/measured_fit.h"
#include "experiments/gruver/rollout_metrics.h"
#include "experiments/gruver/symplecticity_error.h"
#include "experiments/gruver/toy_data.h"
#include "systems/mechanics/equations_of_motion.h"
#include "trainer/collection/collector.h"
#include "trainer/fitting/fit_state_file.h"
#include "trainer/fitting/fitter.h"

namespace rollout {
namespace {

// A run's seed draws its data too, so that a spread over seeds holds theirs. The test set is drawn
// from another seed than the training set (the papers' code uses one).
uint64_t TrainSeed(const ToyRun& run) { return 2 * run.seed + 1; }
uint64_t TestSeed(const ToyRun& run) { return 2 * run.seed + 2; }

FitOptions OptionsOf(const ToyRun& run) {
  FitOptions options;
  options.name = "toy";
  options.dynamics.kind = run.model.kind;
  options.dynamics.hidden_sizes = {256, 256};
  options.dynamics.has_force = run.model.has_force;
  options.dynamics.mass =
      run.model.kind == DynamicsKind::kNode ? MassKind::kNone : MassKind::kLearned;
  options.integrator = {.method = IntegratorMethod::kRk4ThreeEighths, .substeps = 1};
  options.window_states = kChunkStates;
  options.batch = 200;
  options.steps = run.steps;
  options.learning_rate = 5e-3;
  options.final_learning_rate = 5e-6;
  options.weight_decay = 1e-4;
  options.decoupled_weight_decay = true;
  options.norm = run.model.norm;
  options.symplectic_weight = run.model.symplectic_weight;
  options.seed = run.seed;
  return options;
}

// The training chunks of a run and what they say about scales.
struct ToyData {
  DatasetInfo info;
  std::vector<ObservedEpisode> chunks;
  DataStatistics statistics;
};
absl::StatusOr<ToyData> MakeData(const EquationsOfMotion& mechanics, const ToyRun& run) {
  ToyData data;
  data.info = DescribeDataset(mechanics.info());
  data.chunks = MakeStretches(mechanics, kTrainChunks, kChunkStates, TrainSeed(run));
  auto statistics = MeasureData(data.chunks, data.info);
  if (!statistics.ok()) return statistics.status();
  data.statistics = *std::move(statistics);
  return data;
}

absl::StatusOr<std::unique_ptr<Fitter>> MakeFitter(const ToyData& data, const ToyRun& run) {
  DataStatistics statistics = data.statistics;
  // The loss is of states as they are.
  std::fill(statistics.state_scale.begin(), statistics.state_scale.end(), 1.0);
  auto set = MakeTrainingSet(data.chunks, data.info, kChunkStates);
  if (!set.ok()) return set.status();
  const FitOptions options = OptionsOf(run);
  const auto spec = MakeFitSpec(data.info, statistics, options);
  if (!spec.ok()) return spec.status();
  return Fitter::Create(*std::move(set), statistics, *spec, options, nullptr);
}

// What a stopped run must share with the one that goes on.
std::map<std::string, std::string> SettingsOf(const ToyRun& run) {
  return {{"system", run.system}, {"model", run.model.name}, {"steps", absl::StrCat(run.steps)}};
}

void Record(const RolloutMetrics& metrics, const std::string& prefix, RunRecord* record) {
  record->metrics[prefix + "mse"] = metrics.mse;
  record->metrics[prefix + "rollout_error"] = metrics.rollout_error;
  record->metrics[prefix + "rollout_error_as_coded"] = metrics.rollout_error_as_coded;
  record->metrics[prefix + "energy_error"] = metrics.energy_error;
  if (metrics.energy_error_as_coded) {
    record->metrics[prefix + "energy_error_as_coded"] = *metrics.energy_error_as_coded;
  }
  record->metrics[prefix + "not_finite"] = metrics.not_finite;
}

}  // namespace

absl::StatusOr<RunRecord> MakeToyRun(const ToyRun& run, const RunContext& context) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(run.system);
  const auto data = MakeData(*mechanics, run);
  if (!data.ok()) return data.status();
  auto fitter = MakeFitter(*data, run);
  if (!fitter.ok()) return fitter.status();
  const std::vector<ObservedEpisode> truth =
      MakeStretches(*mechanics, kTestRollouts, kTestStates, TestSeed(run));
  RunRecord record;
  record.key = run.key;
  record.seed = run.seed;
  record.settings = SettingsOf(run);
  const auto measure = [&](const TransitionModel& model, const std::string& prefix,
                           RunRecord* of_run) {
    const auto predicted = PredictStretches(model, truth);
    if (!predicted.ok()) return predicted.status();
    const RolloutMetrics metrics = MeasureRollouts(*mechanics, truth, *predicted);
    Record(metrics, prefix, of_run);
    if (prefix.empty()) {
      of_run->series["rollout_error_at"] = metrics.rollout_error_at;
      of_run->series["energy_error_at"] = metrics.energy_error_at;
      of_run->series["energy_log_deviation_at"] = metrics.energy_log_deviation_at;
      const auto symplecticity = SymplecticityError(model, truth);
      if (!symplecticity.ok()) return symplecticity.status();
      of_run->metrics["symplecticity_error"] = *symplecticity;
    }
    return absl::OkStatus();
  };
  return RunMeasuredFit(**fitter, std::move(record), context, measure);
}

absl::StatusOr<TrainedModel> ReadToyModel(const ToyRun& run, const std::string& trained) {
  auto settings = SettingsOf(run);
  settings["seed"] = absl::StrCat(run.seed);
  const auto state = ReadFitState(trained, settings);
  if (!state.ok()) return state.status();
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(run.system);
  auto data = MakeData(*mechanics, run);
  if (!data.ok()) return data.status();
  auto fitter = MakeFitter(*data, run);
  if (!fitter.ok()) return fitter.status();
  if (absl::Status status = (*fitter)->Restore(*state); !status.ok()) return status;
  TrainedModel read{(*fitter)->Model(), {}};
  const std::vector<double>& scale = data->statistics.state_scale;
  read.model.spec.state_scale.assign(scale.begin(), scale.end());
  SetDatasetInfo(data->info, &read.data);
  read.data.training = std::move(data->chunks);
  read.data.held_out = MakeStretches(*mechanics, kTestRollouts, kTestStates, TestSeed(run));
  return read;
}

}  // namespace rollout
