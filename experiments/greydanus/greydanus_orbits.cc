#include "experiments/greydanus/greydanus_orbits.h"

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "experiments/figures/svg_plot.h"
#include "experiments/greydanus/derivative_data.h"
#include "experiments/greydanus/derivative_fit.h"
#include "experiments/greydanus/energy_rollouts.h"
#include "experiments/greydanus/greydanus_task.h"
#include "experiments/greydanus/stepped_fit.h"
#include "experiments/partial_record.h"
#include "models/dynamics/dynamics.h"
#include "models/dynamics/weights.h"
#include "systems/mechanics/dormand_prince.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

constexpr const char* kSystems[] = {"mass_spring", "ideal_pendulum", "two_body"};
constexpr std::pair<const char*, DynamicsKind> kModels[] = {{"baseline", DynamicsKind::kNode},
                                                            {"HNN", DynamicsKind::kHnnCanonical}};
// Streams of a run's seed, as the table has them.
constexpr uint64_t kDataStream = 1, kStateStream = 2, kWeightStream = 3;
constexpr int kPoints = 200;

const GreydanusTask& TaskOf(const std::string& system) {
  const std::vector<GreydanusTask>& tasks = GreydanusTasks();
  return *std::find_if(tasks.begin(), tasks.end(),
                       [&](const GreydanusTask& task) { return task.system == system; });
}

int64_t StepsAt(Scale scale, const GreydanusTask& task) {
  const int64_t share = scale == Scale::kPaper ? 1 : scale == Scale::kShort ? 4 : 20;
  return task.steps / share;
}

// The states of one rollout by dimension ("<of>0", ...) and its energy ("<of>energy").
void Follow(const EquationsOfMotion& mechanics, const DormandPrince::Derivative& derivative,
            const GreydanusTask& task, std::vector<double> state, const std::string& of,
            RunRecord* record) {
  DormandPrince solver(static_cast<int>(state.size()), kModelSolver);
  for (int point = 0; point < kPoints; ++point) {
    for (size_t d = 0; d < state.size(); ++d) {
      record->series[absl::StrCat(of, d)].push_back(state[d]);
    }
    record->series[of + "energy"].push_back(mechanics.Energy(state));
    solver.Advance(derivative, task.seconds / (kPoints - 1), absl::MakeSpan(state));
  }
}

absl::StatusOr<RunRecord> MakeOrbit(const std::string& system, const std::string& model,
                                    DynamicsKind kind, int64_t steps, uint64_t seed,
                                    const RunContext& context) try {
  const GreydanusTask& task = TaskOf(system);
  const auto mechanics = MakeEquationsOfMotion(system);
  const DerivativeData data = MakeDerivativeData(*mechanics, task, DeriveSeed(seed, kDataStream));
  auto fit = DerivativeFit::Create(data.train, mechanics->info().dt,
                                   {.kind = kind,
                                    .batch = task.batch,
                                    .weight_decay = task.weight_decay,
                                    .seed = DeriveSeed(seed, kWeightStream)});
  if (!fit.ok()) return fit.status();
  RunRecord fresh;
  fresh.seed = seed;
  fresh.settings = {{"system", system}, {"model", model}, {"steps", absl::StrCat(steps)}};
  PartialRecord partial(context.partial + ".json", std::move(fresh));
  RunRecord& record = partial.record();
  const absl::Status fitted =
      StepToEnd(**fit, steps, context, &partial, [] { return absl::OkStatus(); });
  if (!fitted.ok()) return fitted;
  std::vector<double> first = EnergyFirstStates(*mechanics, task, DeriveSeed(seed, kStateStream));
  first.resize(2 * mechanics->info().num_positions);
  Follow(
      *mechanics,
      [&](absl::Span<const double> x, absl::Span<double> dx) { mechanics->Derivative(x, {}, dx); },
      task, first, "true_", &record);
  const c10::InferenceMode inference;
  const TransitionModel learned = (*fit)->Model();
  auto weights = ModelWeights::FromModel(learned, at::TensorOptions(at::kDouble));
  if (!weights.ok()) return weights.status();
  auto dynamics = MakeDynamics(learned.spec, *weights);
  if (!dynamics.ok()) return dynamics.status();
  Follow(
      *mechanics,
      [&](absl::Span<const double> x, absl::Span<double> dx) {
        ModelDerivative(**dynamics, x, dx);
      },
      task, first, "", &record);
  return FinishSteps(context, &partial);
} catch (const std::exception& exception) {
  return absl::InternalError(absl::StrCat("LibTorch failed in an orbit: ", exception.what()));
}

// The first seed's records of the largest scale at which both models are there.
std::vector<RunRecord> Shown(const std::vector<RunRecord>& records, const std::string& system) {
  for (const Scale scale : {Scale::kPaper, Scale::kShort, Scale::kQuick}) {
    std::vector<RunRecord> shown;
    for (const auto& [model, kind] : kModels) {
      for (const RunRecord& record : records) {
        const auto& settings = record.settings;
        if (settings.at("scale") == Name(scale) && settings.at("system") == system &&
            settings.at("model") == model && record.seed == 0) {
          shown.push_back(record);
          break;
        }
      }
    }
    if (shown.size() == std::size(kModels)) return shown;
  }
  return {};
}

PlotLine Path(const RunRecord& record, const std::string& of, const std::string& label, int x,
              int y) {
  PlotLine line{label, record.series.at(absl::StrCat(of, x)),
                record.series.at(absl::StrCat(of, y))};
  line.dashed = of == "true_";
  return line;
}

PlotPanel PhasePortrait(const std::vector<RunRecord>& shown) {
  PlotPanel panel{TaskOf(shown[0].settings.at("system")).title, "q", "p", {}, true};
  for (const RunRecord& record : shown) {
    panel.lines.push_back(Path(record, "", record.settings.at("model"), 0, 1));
  }
  panel.lines.push_back(Path(shown[0], "true_", "truth", 0, 1));
  return panel;
}

// States are [x and y of each body, momenta].
std::vector<PlotPanel> Orbits(const std::vector<RunRecord>& shown) {
  std::vector<PlotPanel> panels;
  PlotPanel energy{"energy", "time / s", "total energy", {}};
  const double dt = TaskOf("two_body").seconds / (kPoints - 1);
  std::vector<double> times(kPoints);
  for (int i = 0; i < kPoints; ++i) times[i] = dt * i;
  for (const RunRecord& record : shown) {
    const std::string& model = record.settings.at("model");
    PlotPanel panel{model, "x", "y", {}, true};
    panel.lines = {Path(record, "", "first body", 0, 1), Path(record, "", "second body", 2, 3),
                   Path(record, "true_", "truth of the first", 0, 1)};
    panels.push_back(std::move(panel));
    energy.lines.push_back({model, times, record.series.at("energy")});
  }
  energy.lines.push_back({"truth", times, shown[0].series.at("true_energy"), true});
  panels.push_back(std::move(energy));
  return panels;
}

}  // namespace

std::vector<PlannedRun> GreydanusOrbits::Plan(Scale scale, int seeds) const {
  std::vector<PlannedRun> runs;
  for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
    for (const std::string system : kSystems) {
      for (const auto& [name, kind] : kModels) {
        const std::string key = absl::StrCat(Name(scale), "/", system, "/", name, "/seed", seed);
        const std::string model = name;
        const DynamicsKind of_kind = kind;
        runs.push_back({key, [=](const RunContext& context) -> absl::StatusOr<RunRecord> {
                          // The table's runs have the same keys.
                          const RunContext orbit = {context.stop, context.partial + "-orbit"};
                          auto record = MakeOrbit(system, model, of_kind,
                                                  StepsAt(scale, TaskOf(system)), seed, orbit);
                          if (record.ok()) record->key = key;
                          if (record.ok()) record->settings["scale"] = Name(scale);
                          return record;
                        }});
      }
    }
  }
  return runs;
}

std::string GreydanusOrbits::Report(const std::vector<RunRecord>& records) const {
  std::string page = absl::StrCat(
      "# ", title(),
      "\n\nOne rollout from the first of the table's first states. Largest change of the true "
      "energy "
      "along it, as a share of its size at the start:\n\n| system | model | scale | steps | seed | "
      "largest change |\n|---|---|---|---|---|---|\n");
  for (const RunRecord& record : records) {
    const std::vector<double>& energy = record.series.at("energy");
    double largest = 0.0;
    for (const double value : energy) {
      const double change = std::abs(value - energy[0]) / std::abs(energy[0]);
      largest = std::isfinite(change) ? std::max(largest, change) : INFINITY;
    }
    const auto& settings = record.settings;
    absl::StrAppendFormat(&page, "| %s | %s | `%s` | %s | %d | %.3g |\n", settings.at("system"),
                          settings.at("model"), settings.at("scale"), settings.at("steps"),
                          record.seed, largest);
  }
  return page;
}

std::vector<Figure> GreydanusOrbits::Figures(const std::vector<RunRecord>& records) const {
  std::vector<Figure> figures;
  std::vector<PlotPanel> portraits;
  for (const char* system : {"mass_spring", "ideal_pendulum"}) {
    const std::vector<RunRecord> shown = Shown(records, system);
    if (!shown.empty()) portraits.push_back(PhasePortrait(shown));
  }
  if (!portraits.empty()) {
    figures.push_back({"greydanus-orbits-phase.svg", "Phase portraits", DrawPanels(portraits)});
  }
  const std::vector<RunRecord> bodies = Shown(records, "two_body");
  if (!bodies.empty()) {
    figures.push_back({"greydanus-orbits-two-body.svg", "Two bodies' orbits and their energy",
                       DrawPanels(Orbits(bodies))});
  }
  return figures;
}

}  // namespace rollout
