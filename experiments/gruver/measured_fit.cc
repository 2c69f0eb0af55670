#include "experiments/gruver/measured_fit.h"

#include <cmath>
#include <ctime>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "experiments/partial_record.h"
#include "models/engines/torch/torch_engine.h"
#include "models/evaluation/predictor.h"
#include "trainer/fitting/fit_run.h"

namespace rollout {
namespace {

// What this thread has computed so far.
double ThreadCpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

absl::StatusOr<RunRecord> RunMeasuredFit(Fitter& fitter, RunRecord fresh, const RunContext& context,
                                         const MeasureModel& measure) {
  PartialRecord partial(context.partial + ".json", std::move(fresh));
  RunRecord& record = partial.record();

  FitRunOptions options;
  options.state_file = context.partial + ".state";
  options.settings = record.settings;
  options.settings["seed"] = absl::StrCat(record.seed);
  options.stop = &context.stop;
  double cpu_seconds = 0.0, last_cpu = ThreadCpuSeconds();
  int64_t steps = 0;
  absl::Status measured;
  const absl::Status fitted = RunFit(fitter, options, SteadyClock(), [&](const Fitter& fit) {
    cpu_seconds += ThreadCpuSeconds() - last_cpu;
    ++steps;
    if (fit.step() == fit.total_steps() / 2) {
      measured.Update(measure(fit.Model(), "half_", &record));
      partial.Write();
    }
    last_cpu = ThreadCpuSeconds();
  });
  if (absl::IsCancelled(fitted)) partial.Write();
  if (absl::IsInternal(fitted)) {
    record.outcome = absl::StrCat("diverged: ", fitted.message());
  } else if (!fitted.ok()) {
    return fitted;
  }
  measured.Update(measure(fitter.Model(), "", &record));
  if (!measured.ok()) return measured;
  const std::vector<double>& losses = fitter.state().losses;
  record.metrics["train_loss"] = losses.empty() ? std::nan("") : losses.back();
  record.metrics["parameters"] = static_cast<double>(fitter.num_parameters());
  record.metrics["cpu_seconds_per_step"] =  // unknown where this sitting had no step to make
      steps > 0 ? cpu_seconds / static_cast<double>(steps) : std::nan("");
  if (fitted.ok()) {
    std::error_code ignored;  // the record is what counts
    std::filesystem::rename(options.state_file, context.partial + ".trained", ignored);
  } else {
    RemoveFitState(options.state_file);
  }
  return partial.Finish();
}

absl::StatusOr<std::vector<float>> PredictStretches(const TransitionModel& model,
                                                    const std::vector<ObservedEpisode>& stretches) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32);
  if (!engine.ok()) return engine.status();
  EnginePredictor predictor(engine->get());
  const int64_t size = model.spec.state_size();
  const int64_t lanes = static_cast<int64_t>(stretches.size());
  const int64_t horizon = stretches[0].num_steps;
  std::vector<float> first, controls;
  for (const ObservedEpisode& stretch : stretches) {
    first.insert(first.end(), stretch.states.begin(), stretch.states.begin() + size);
    controls.insert(controls.end(), stretch.controls.begin(), stretch.controls.end());
  }
  std::vector<float> trajectory(lanes * (horizon + 1) * size);
  if (absl::Status status =
          predictor.Predict(lanes, horizon, first, controls, absl::MakeSpan(trajectory));
      !status.ok()) {
    return status;
  }
  return trajectory;
}

}  // namespace rollout
