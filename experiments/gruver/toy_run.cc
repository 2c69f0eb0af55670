#include "experiments/gruver/toy_run.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "experiments/gruver/rollout_metrics.h"
#include "experiments/gruver/toy_data.h"
#include "models/engines/torch/torch_engine.h"
#include "models/evaluation/predictor.h"
#include "systems/mechanics/equations_of_motion.h"
#include "trainer/collection/collector.h"
#include "trainer/fitting/fitter.h"

namespace rollout {
namespace {

// The test set is drawn from another seed than the training set (the papers' code uses one).
constexpr uint64_t kTrainSeed = 1, kTestSeed = 2;

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
  options.seed = run.seed;
  return options;
}

absl::StatusOr<std::unique_ptr<Fitter>> MakeFitter(const EquationsOfMotion& mechanics,
                                                   const ToyRun& run) {
  const std::vector<ObservedEpisode> chunks =
      MakeStretches(mechanics, kTrainChunks, kChunkStates, kTrainSeed);
  const DatasetInfo info = DescribeDataset(mechanics.info());
  auto statistics = MeasureData(chunks, info);
  if (!statistics.ok()) return statistics.status();
  // The loss is of states as they are.
  std::fill(statistics->state_scale.begin(), statistics->state_scale.end(), 1.0);
  auto set = MakeTrainingSet(chunks, info, kChunkStates);
  if (!set.ok()) return set.status();
  const FitOptions options = OptionsOf(run);
  const auto spec = MakeFitSpec(info, *statistics, options);
  if (!spec.ok()) return spec.status();
  return Fitter::Create(*std::move(set), *statistics, *spec, options, nullptr);
}

absl::StatusOr<RolloutMetrics> Test(const EquationsOfMotion& mechanics,
                                    const TransitionModel& model,
                                    const std::vector<ObservedEpisode>& truth) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32);
  if (!engine.ok()) return engine.status();
  EnginePredictor predictor(engine->get());
  const int64_t size = model.spec.state_size();
  const int64_t lanes = static_cast<int64_t>(truth.size());
  std::vector<float> first;
  for (const ObservedEpisode& episode : truth) {
    first.insert(first.end(), episode.states.begin(), episode.states.begin() + size);
  }
  std::vector<float> trajectory(lanes * kTestStates * size);
  if (absl::Status status =
          predictor.Predict(lanes, kTestStates - 1, first, {}, absl::MakeSpan(trajectory));
      !status.ok()) {
    return status;
  }
  return MeasureRollouts(mechanics, truth, trajectory);
}

void Record(const RolloutMetrics& metrics, const std::string& prefix, RunRecord* record) {
  record->metrics[prefix + "mse"] = metrics.mse;
  record->metrics[prefix + "rollout_error"] = metrics.rollout_error;
  record->metrics[prefix + "rollout_error_as_coded"] = metrics.rollout_error_as_coded;
  record->metrics[prefix + "energy_error"] = metrics.energy_error;
  record->metrics[prefix + "not_finite"] = metrics.not_finite;
}

}  // namespace

absl::StatusOr<RunRecord> MakeToyRun(const ToyRun& run, const std::atomic<bool>& stop) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion(run.system);
  auto fitter = MakeFitter(*mechanics, run);
  if (!fitter.ok()) return fitter.status();
  const std::vector<ObservedEpisode> truth =
      MakeStretches(*mechanics, kTestRollouts, kTestStates, kTestSeed);
  RunRecord record;
  record.key = run.key;
  record.seed = run.seed;
  record.settings = {
      {"system", run.system}, {"model", run.model.name}, {"steps", absl::StrCat(run.steps)}};
  absl::Duration fitting;
  while (!(*fitter)->done()) {
    if (stop) return absl::CancelledError("stopped");
    const absl::Time start = absl::Now();
    if (const absl::Status status = (*fitter)->Step(); !status.ok()) {
      record.outcome = absl::StrCat("diverged: ", status.message());
      break;
    }
    fitting += absl::Now() - start;
    if ((*fitter)->step() != run.steps / 2) continue;
    const auto metrics = Test(*mechanics, (*fitter)->Model(), truth);
    if (!metrics.ok()) return metrics.status();
    Record(*metrics, "half_", &record);
  }
  const auto metrics = Test(*mechanics, (*fitter)->Model(), truth);
  if (!metrics.ok()) return metrics.status();
  Record(*metrics, "", &record);
  record.series["rollout_error_at"] = metrics->rollout_error_at;
  record.series["energy_error_at"] = metrics->energy_error_at;
  const std::vector<double>& losses = (*fitter)->state().losses;
  record.metrics["train_loss"] = losses.empty() ? std::nan("") : losses.back();
  record.metrics["parameters"] = static_cast<double>((*fitter)->num_parameters());
  record.metrics["seconds_per_step"] =
      absl::ToDoubleSeconds(fitting) / static_cast<double>((*fitter)->step());
  record.seconds = absl::ToDoubleSeconds(fitting);
  return record;
}

}  // namespace rollout
