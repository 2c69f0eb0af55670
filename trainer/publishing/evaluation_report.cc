#include "trainer/publishing/evaluation_report.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/table.h"
#include "models/engines/torch/torch_engine.h"
#include "models/evaluation/hamiltonian.h"
#include "models/evaluation/linear_model.h"
#include "models/evaluation/predictor.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

// The horizons that decide whether a version is better.
constexpr int64_t kLongestCompared = 64;
constexpr int64_t kDriftLanes = 8;

WindowSet HeldOutWindows(const FitData& data, const EvaluationOptions& options) {
  WindowSet set;
  set.state_size = data.info.num_positions + data.info.num_velocities;
  set.num_controls = data.info.num_controls;
  set.episodes = data.held_out;
  set.windows = PlaceWindows(set.episodes, options.longest, options.stride);
  return set;
}

ErrorScale ScaleOf(const TransitionModel& model, const DataStatistics& statistics) {
  ErrorScale scale;
  scale.state_scale.assign(model.spec.state_scale.begin(), model.spec.state_scale.end());
  scale.constant = statistics.constant;
  scale.angular_positions = model.spec.angular_positions;
  scale.training_std = statistics.state_std;
  return scale;
}

absl::StatusOr<WindowErrors> ErrorsOfModel(const TransitionModel& model, const WindowSet& set,
                                           const ErrorScale& scale) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32);
  if (!engine.ok()) return engine.status();
  EnginePredictor predictor(engine->get());
  return MeasureErrors(predictor, set, scale);
}

absl::StatusOr<std::vector<SpreadQuality>> SpreadOfEnsemble(const TransitionModel& model,
                                                            const WindowSet& set,
                                                            const ErrorScale& scale,
                                                            absl::Span<const int64_t> horizons) {
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<std::unique_ptr<Predictor>> members;
  for (int member = 0; member < model.spec.ensemble_size; ++member) {
    auto engine =
        MakeTorchEngine(SingleMember(model, member), EngineOptions{}, TorchPrecision::kFloat32);
    if (!engine.ok()) return engine.status();
    engines.push_back(*std::move(engine));
    members.push_back(std::make_unique<EnginePredictor>(engines.back().get()));
  }
  return MeasureSpread(members, set, scale, horizons);
}

// The drift along the longest windows of `set`, at most kDriftLanes of them; nothing for kinds
// without an energy and where the energies of the starts give no scale.
absl::StatusOr<std::optional<EnergyDrift>> DriftOfModel(const TransitionModel& model,
                                                        const WindowSet& set) {
  if (!IsHamiltonian(model.spec.dynamics.kind)) return std::nullopt;
  DriftStarts starts;
  for (const RolloutWindow& window : set.windows) {
    starts.horizon = std::max(starts.horizon, window.length);
  }
  std::vector<float> states, controls;
  for (const RolloutWindow& window : set.windows) {
    if (window.length < starts.horizon || starts.lanes == kDriftLanes) continue;
    const double* state = set.state(window, 0);
    states.insert(states.end(), state, state + set.state_size);
    const double* control = set.control(window, 0);
    controls.insert(controls.end(), control, control + window.length * set.num_controls);
    ++starts.lanes;
  }
  ClipControls(model.spec, absl::MakeSpan(controls));
  starts.initial_states = states;
  starts.controls = controls;
  const auto drift = MeasureEnergyDrift(model, starts, [](const TransitionModel& by_substeps) {
    return MakeTorchEngine(by_substeps, EngineOptions{}, TorchPrecision::kFloat32);
  });
  if (absl::IsFailedPrecondition(drift.status())) return std::nullopt;
  if (!drift.ok()) return drift.status();
  return *drift;
}

absl::Status CheckSizes(const TransitionModel& model, const FitData& data) {
  if (model.spec.num_positions == data.info.num_positions &&
      model.spec.num_positions == data.info.num_velocities &&
      model.spec.num_controls == data.info.num_controls) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "model %s has %d positions and %d controls, the data have %d positions, %d velocities and %d "
      "controls",
      model.spec.name, model.spec.num_positions, model.spec.num_controls, data.info.num_positions,
      data.info.num_velocities, data.info.num_controls));
}

nlohmann::ordered_json Number(double value) {
  if (!std::isfinite(value)) return nullptr;
  // Six digits are more than these figures mean.
  return std::stod(absl::StrFormat("%.6g", value));
}

nlohmann::ordered_json Numbers(const std::vector<double>& values) {
  auto list = nlohmann::ordered_json::array();
  for (const double value : values) list.push_back(Number(value));
  return list;
}

std::string Cell(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.3g", value) : std::string("-");
}

}  // namespace

absl::StatusOr<EvaluationReport> EvaluateModel(const TransitionModel& model, const FitData& data,
                                               const DataStatistics& statistics,
                                               const EvaluationOptions& options) {
  if (absl::Status status = CheckSizes(model, data); !status.ok()) return status;
  const WindowSet set = HeldOutWindows(data, options);
  const ErrorScale scale = ScaleOf(model, statistics);
  const std::vector<int64_t> horizons = [&] {
    std::vector<int64_t> result = DoublingHorizons(options.longest);
    // The paper's comparison with "no change" is at 10.
    for (size_t i = 0; i < result.size(); ++i) {
      if (result[i] > 10) {
        result.insert(result.begin() + i, 10);
        break;
      }
    }
    return result;
  }();

  EvaluationReport report;
  report.episodes = static_cast<int64_t>(data.held_out.size());
  report.windows = static_cast<int64_t>(set.windows.size());
  report.state_names = model.spec.state_names;
  NoChange no_change(set.state_size);
  auto unchanged = MeasureErrors(no_change, set, scale);
  if (!unchanged.ok()) return unchanged.status();
  const auto add = [&](const char* name, const WindowErrors& errors) {
    report.predictors.push_back({name, SummariseErrors(errors, horizons),
                                 SummarisePaperError(errors),
                                 UsefulHorizon(errors, *unchanged, options.longest)});
  };
  auto errors = ErrorsOfModel(model, set, scale);
  if (!errors.ok()) return errors.status();
  add("model", *errors);
  auto linear = LinearModel::Fit(data.training, set.state_size, set.num_controls,
                                 model.spec.ignored_positions);
  if (!linear.ok()) return linear.status();
  errors = MeasureErrors(*linear, set, scale);
  if (!errors.ok()) return errors.status();
  add("linear", *errors);
  add("no change", *unchanged);
  ConstantVelocity constant_velocity(set.state_size, data.info.dt);
  errors = MeasureErrors(constant_velocity, set, scale);
  if (!errors.ok()) return errors.status();
  add("constant velocity", *errors);
  const auto drift = DriftOfModel(model, set);
  if (!drift.ok()) return drift.status();
  report.energy_drift = *drift;
  if (model.spec.ensemble_size > 1) {
    auto spread = SpreadOfEnsemble(model, set, scale, horizons);
    if (!spread.ok()) return spread.status();
    report.spread = *std::move(spread);
  }
  return report;
}

absl::StatusOr<Verdict> CompareModels(const TransitionModel& new_model,
                                      const TransitionModel& live_model, const FitData& data,
                                      const DataStatistics& statistics,
                                      const EvaluationOptions& options, uint64_t seed) {
  if (absl::Status status = CheckSizes(live_model, data); !status.ok()) return status;
  const WindowSet set = HeldOutWindows(data, options);
  const ErrorScale scale = ScaleOf(live_model, statistics);
  const auto new_errors = ErrorsOfModel(new_model, set, scale);
  if (!new_errors.ok()) return new_errors.status();
  const auto live_errors = ErrorsOfModel(live_model, set, scale);
  if (!live_errors.ok()) return live_errors.status();
  Random random(seed);
  return CompareVersions(PairErrors(*new_errors, *live_errors, DoublingHorizons(kLongestCompared)),
                         ComparisonOptions{},
                         [&](uint64_t bound) { return random.UniformInteger(bound); });
}

std::string ReportTable(const EvaluationReport& report) {
  std::vector<std::string> header = {"normalised RMSE at horizon"};
  for (const HorizonError& error : report.predictors[0].horizons) {
    header.push_back(absl::StrCat(error.horizon));
  }
  header.push_back("useful");
  header.push_back("test MSE");
  Table table(header);
  for (const PredictorReport& predictor : report.predictors) {
    std::vector<std::string> means = {predictor.name}, medians = {predictor.name + ", median"};
    std::vector<std::string> lost = {predictor.name + ", non-finite"};
    int64_t non_finite = 0;
    for (const HorizonError& error : predictor.horizons) {
      means.push_back(Cell(error.rmse));
      medians.push_back(Cell(error.median));
      lost.push_back(absl::StrCat(error.non_finite));
      non_finite += error.non_finite;
    }
    means.push_back(absl::StrCat(predictor.useful_horizon));
    means.push_back(Cell(predictor.paper.mean));
    medians.push_back("");
    medians.push_back(Cell(predictor.paper.median_over_steps));
    table.AddRow(means);
    table.AddRow(medians);
    if (non_finite > 0) table.AddRow(lost);
  }
  std::vector<std::string> windows = {"windows"};
  for (const HorizonError& error : report.predictors[0].horizons) {
    windows.push_back(absl::StrCat(error.windows + error.non_finite));
  }
  table.AddRow(windows);
  std::string text = table.ToString();
  if (report.energy_drift) {
    absl::StrAppend(&text, "energy drift ", Cell(report.energy_drift->worst),
                    " standard deviations of the energy over the windows' starts\n");
  }
  if (report.spread.empty()) return text;
  Table spread({"ensemble at horizon", "coverage 1 spread", "coverage 2 spreads",
                "rank correlation of spread with error", "windows"});
  for (const SpreadQuality& quality : report.spread) {
    spread.AddRow({absl::StrCat(quality.horizon), Cell(quality.coverage_one),
                   Cell(quality.coverage_two), Cell(quality.rank_correlation),
                   absl::StrCat(quality.windows)});
  }
  return text + "\n" + spread.ToString();
}

nlohmann::ordered_json ReportJson(const EvaluationReport& report) {
  nlohmann::ordered_json json;
  json["held_out_episodes"] = report.episodes;
  json["windows"] = report.windows;
  json["state_names"] = report.state_names;
  if (report.energy_drift) json["energy_drift"] = Number(report.energy_drift->worst);
  auto& predictors = json["predictors"] = nlohmann::ordered_json::array();
  for (const PredictorReport& predictor : report.predictors) {
    nlohmann::ordered_json entry;
    entry["name"] = predictor.name;
    entry["useful_horizon"] = predictor.useful_horizon;
    entry["test_mse_200"] = {{"windows", predictor.paper.windows},
                             {"non_finite", predictor.paper.non_finite},
                             {"mean", Number(predictor.paper.mean)},
                             {"median_over_steps", Number(predictor.paper.median_over_steps)},
                             {"median_over_windows", Number(predictor.paper.median_over_windows)}};
    for (const HorizonError& error : predictor.horizons) {
      entry["horizons"].push_back({{"horizon", error.horizon},
                                   {"windows", error.windows},
                                   {"non_finite", error.non_finite},
                                   {"nrmse", Number(error.rmse)},
                                   {"median", Number(error.median)},
                                   {"dimension_nrmse", Numbers(error.dimension_rmse)},
                                   {"dimension_median", Numbers(error.dimension_median)}});
    }
    predictors.push_back(std::move(entry));
  }
  for (const SpreadQuality& quality : report.spread) {
    json["spread"].push_back({{"horizon", quality.horizon},
                              {"windows", quality.windows},
                              {"coverage_one", Number(quality.coverage_one)},
                              {"coverage_two", Number(quality.coverage_two)},
                              {"rank_correlation", Number(quality.rank_correlation)}});
  }
  return json;
}

}  // namespace rollout
