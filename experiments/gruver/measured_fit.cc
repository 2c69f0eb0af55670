#include "experiments/gruver/measured_fit.h"

#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"
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

absl::StatusOr<RunRecord> RunMeasuredFit(Fitter& fitter, RunRecord record,
                                         const RunContext& context, const MeasureModel& measure) {
  const std::string record_file = context.partial + ".json";
  record = ReadPartial(record_file, std::move(record));
  const SteadyClock clock;
  const absl::Time start = clock.Now();
  const double seconds_before = record.seconds;
  const auto count_seconds = [&] {
    record.seconds = seconds_before + absl::ToDoubleSeconds(clock.Now() - start);
  };
  const auto write_partial = [&] {
    count_seconds();
    std::ofstream(record_file, std::ios::trunc) << ToJsonLine(record) << '\n';
  };

  FitRunOptions options;
  options.state_file = context.partial + ".state";
  options.settings = record.settings;
  options.settings["seed"] = absl::StrCat(record.seed);
  options.stop = &context.stop;
  double cpu_seconds = 0.0, last_cpu = ThreadCpuSeconds();
  int64_t steps = 0;
  absl::Status measured;
  const absl::Status fitted = RunFit(fitter, options, clock, [&](const Fitter& fit) {
    cpu_seconds += ThreadCpuSeconds() - last_cpu;
    ++steps;
    if (fit.step() == fit.total_steps() / 2) {
      measured.Update(measure(fit.Model(), "half_", &record));
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
  measured.Update(measure(fitter.Model(), "", &record));
  if (!measured.ok()) return measured;
  const std::vector<double>& losses = fitter.state().losses;
  record.metrics["train_loss"] = losses.empty() ? std::nan("") : losses.back();
  record.metrics["parameters"] = static_cast<double>(fitter.num_parameters());
  record.metrics["cpu_seconds_per_step"] =  // unknown where this sitting had no step to make
      steps > 0 ? cpu_seconds / static_cast<double>(steps) : std::nan("");
  count_seconds();
  if (fitted.ok()) {
    std::error_code ignored;  // the record is what counts
    std::filesystem::rename(options.state_file, context.partial + ".trained", ignored);
  } else {
    RemoveFitState(options.state_file);
  }
  RemoveFitState(record_file);
  return record;
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
