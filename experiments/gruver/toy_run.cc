#include "experiments/gruver/toy_run.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "experiments/gruver/rollout_metrics.h"
#include "experiments/gruver/toy_data.h"
#include "models/engines/torch/torch_engine.h"
#include "models/evaluation/predictor.h"
#include "systems/mechanics/equations_of_motion.h"
#include "trainer/collection/collector.h"
#include "trainer/fitting/fit_run.h"
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

// What this thread has computed so far.
double ThreadCpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The record of a run under way, beside the state of its fit: metrics at half of the steps, and the
// seconds so far.
RunRecord ReadPartial(const std::string& path, RunRecord fresh) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return fresh;
  auto record = ParseJsonLine(line);
  return record.ok() && record->settings == fresh.settings ? *std::move(record) : fresh;
}

}  // namespace

absl::StatusOr<RunRecord> MakeToyRun(const ToyRun& run, const RunContext& context) {
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
  const std::string record_file = context.partial + ".json";
  record = ReadPartial(record_file, std::move(record));
  const SteadyClock clock;
  const absl::Time start = clock.Now();
  const double seconds_before = record.seconds;
  const auto write_partial = [&] {
    record.seconds = seconds_before + absl::ToDoubleSeconds(clock.Now() - start);
    std::ofstream(record_file, std::ios::trunc) << ToJsonLine(record) << '\n';
  };

  FitRunOptions options;
  options.state_file = context.partial + ".state";
  options.settings = record.settings;
  options.settings["seed"] = absl::StrCat(run.seed);
  options.stop = &context.stop;
  double cpu_seconds = 0.0, last_cpu = ThreadCpuSeconds();
  int64_t steps = 0;
  absl::Status measured;
  const absl::Status fitted = RunFit(**fitter, options, clock, [&](const Fitter& fit) {
    cpu_seconds += ThreadCpuSeconds() - last_cpu;
    ++steps;
    if (fit.step() == run.steps / 2) {
      const auto metrics = Test(*mechanics, fit.Model(), truth);
      measured.Update(metrics.status());
      if (metrics.ok()) Record(*metrics, "half_", &record);
      write_partial();
    }
    last_cpu = ThreadCpuSeconds();
  });
  if (absl::IsCancelled(fitted)) write_partial();
  if (absl::IsInternal(fitted)) {
    record.outcome = absl::StrCat("diverged: ", fitted.message());
  } else if (!fitted.ok()) {
    return fitted;
  }
  if (!measured.ok()) return measured;
  const auto metrics = Test(*mechanics, (*fitter)->Model(), truth);
  if (!metrics.ok()) return metrics.status();
  Record(*metrics, "", &record);
  record.series["rollout_error_at"] = metrics->rollout_error_at;
  record.series["energy_error_at"] = metrics->energy_error_at;
  record.series["energy_log_deviation_at"] = metrics->energy_log_deviation_at;
  const std::vector<double>& losses = (*fitter)->state().losses;
  record.metrics["train_loss"] = losses.empty() ? std::nan("") : losses.back();
  record.metrics["parameters"] = static_cast<double>((*fitter)->num_parameters());
  record.metrics["cpu_seconds_per_step"] =
      cpu_seconds / static_cast<double>(std::max<int64_t>(1, steps));
  record.seconds = seconds_before + absl::ToDoubleSeconds(clock.Now() - start);
  RemoveFitState(options.state_file);
  RemoveFitState(record_file);
  return record;
}

}  // namespace rollout
