#include "experiments/gruver/mujoco_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "experiments/gruver/measured_fit.h"
#include "experiments/gruver/mujoco_data.h"
#include "experiments/statistics.h"
#include "trainer/fitting/fit_state_file.h"
#include "trainer/fitting/fitter.h"

namespace rollout {
namespace {

FitOptions OptionsOf(const MujocoRun& run) {
  FitOptions options;
  options.name = "mujoco";
  options.dynamics.kind = run.model.kind;
  options.dynamics.mass = run.model.mass;
  options.dynamics.has_force = run.model.has_force;
  options.integrator = {.method = run.model.method, .substeps = run.model.substeps};
  options.window_states = kMujocoWindowStates;
  options.max_windows = kMujocoTrainWindows;
  options.steps = run.steps;
  options.seed = run.seed;
  return options;
}

// The mean over times and dimensions of each rollout's squared error in deviations of the training
// states; NaN where it is not finite.
std::vector<double> SquaredErrors(const std::vector<ObservedEpisode>& test,
                                  const std::vector<float>& predicted,
                                  const std::vector<double>& deviation) {
  const size_t size = deviation.size();
  const size_t states = static_cast<size_t>(test[0].num_steps) + 1;
  std::vector<double> errors;
  for (size_t i = 0; i < test.size(); ++i) {
    double sum = 0.0;
    for (size_t k = 0; k < states * size; ++k) {
      const double error =
          (predicted[i * states * size + k] - test[i].states[k]) / deviation[k % size];
      sum += error * error;
    }
    const double mean = sum / static_cast<double>(states * size);
    errors.push_back(std::isfinite(mean) ? mean : std::nan(""));
  }
  return errors;
}

// A fit before its first step.
struct MujocoFit {
  DataStatistics statistics;
  std::unique_ptr<Fitter> fitter;
  std::map<std::string, std::string>
      settings;  // what a stopped run shares with the one that goes on
};
absl::StatusOr<MujocoFit> MakeFit(const MujocoRun& run, const FitData& data,
                                  const std::vector<ObservedEpisode>& test) {
  auto statistics = MeasureData(data.training, data.info);
  if (!statistics.ok()) return statistics.status();
  if (run.model.unit_outputs) {
    std::fill(statistics->rate_std.begin(), statistics->rate_std.end(), 1.0);
  }
  auto set = MakeTrainingSet(data.training, data.info, kMujocoWindowStates);
  if (!set.ok()) return set.status();
  const FitOptions options = OptionsOf(run);
  const auto spec = MakeFitSpec(data.info, *statistics, options);
  if (!spec.ok()) return spec.status();
  auto fitter = Fitter::Create(*std::move(set), *statistics, *spec, options, nullptr);
  if (!fitter.ok()) return fitter.status();
  MujocoFit fit{*std::move(statistics), *std::move(fitter), {}};
  fit.settings = {{"system", run.task},
                  {"model", run.model.name},
                  {"steps", absl::StrCat(run.steps)},
                  {"train_windows", absl::StrCat(fit.fitter->num_windows())},
                  {"train_transitions", absl::StrCat(data.training_transitions)},
                  {"test_rollouts", absl::StrCat(test.size())},
                  {"test_states", absl::StrCat(test[0].num_steps + 1)}};
  return fit;
}

}  // namespace

absl::StatusOr<RunRecord> MakeMujocoRun(const MujocoRun& run, const FitData& data,
                                        const std::vector<ObservedEpisode>& test,
                                        const RunContext& context) {
  auto fit = MakeFit(run, data, test);
  if (!fit.ok()) return fit.status();
  RunRecord record;
  record.key = run.key;
  record.seed = run.seed;
  record.settings = fit->settings;
  const auto measure = [&](const TransitionModel& model, const std::string& prefix,
                           RunRecord* of_run) {
    const auto predicted = PredictStretches(model, test);
    if (!predicted.ok()) return predicted.status();
    const std::vector<double> errors = SquaredErrors(test, *predicted, fit->statistics.state_std);
    of_run->metrics[prefix + "test_mse"] = Mean(errors);
    of_run->metrics[prefix + "test_median"] = Median(errors);
    of_run->metrics[prefix + "not_finite"] = static_cast<double>(std::count_if(
        errors.begin(), errors.end(), [](double error) { return std::isnan(error); }));
    return absl::OkStatus();
  };
  return RunMeasuredFit(*fit->fitter, std::move(record), context, measure);
}

absl::StatusOr<TrainedModel> ReadMujocoModel(const MujocoRun& run, const FitData& data,
                                             const std::vector<ObservedEpisode>& test,
                                             const std::string& trained) {
  auto fit = MakeFit(run, data, test);
  if (!fit.ok()) return fit.status();
  fit->settings["seed"] = absl::StrCat(run.seed);
  const auto state = ReadFitState(trained, fit->settings);
  if (!state.ok()) return state.status();
  if (absl::Status status = fit->fitter->Restore(*state); !status.ok()) return status;
  TrainedModel read{fit->fitter->Model(), {}};
  SetDatasetInfo(data.info, &read.data);
  read.data.held_out = test;
  return read;
}

}  // namespace rollout
