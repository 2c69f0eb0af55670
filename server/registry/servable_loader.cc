#include "server/registry/servable_loader.h"

#include <spdlog/spdlog.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "models/checkpoint/golden.h"
#include "models/evaluation/hamiltonian.h"
#include "models/evaluation/predictor.h"
#include "server/registry/version_agreement.h"
#include "server/registry/warm_up.h"

namespace rollout {
namespace {

absl::Status CheckAgreementWith(const Servable* oldest_loaded, const TransitionModelSpec& spec,
                                int64_t version) {
  if (oldest_loaded == nullptr) return absl::OkStatus();
  absl::Status agrees = CheckAgreement(oldest_loaded->spec(), oldest_loaded->version(), spec);
  if (!agrees.ok()) return agrees;
  for (const std::string& change : NotableChanges(oldest_loaded->spec(), spec)) {
    spdlog::info("event=version_differs model={} version={} from_version={} change=\"{}\"",
                 spec.name, version, oldest_loaded->version(), change);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DivergenceCounts> ServableLoader::Divergence(const TransitionModelSpec& spec,
                                                            Engine* engine) const {
  const absl::StatusOr<WindowSet> recorded = ReadRecordedSet(options_.recorded_set, spec);
  if (!recorded.ok()) return recorded.status();
  EnginePredictor predictor(engine);
  return CountDiverged(predictor, *recorded, spec.state_scale, spec.angular_positions);
}

absl::StatusOr<EnergyDrift> ServableLoader::Drift(const Checkpoint& checkpoint) const {
  const TransitionModelSpec& spec = checkpoint.model->spec;
  if (!IsHamiltonian(spec.dynamics.kind)) {
    return absl::NotFoundError(absl::StrCat("kind ", Name(spec.dynamics.kind), " has no energy"));
  }
  if (!checkpoint.golden) return absl::NotFoundError("no golden set to start from");
  std::vector<float> controls = checkpoint.golden->controls;
  ClipControls(spec, absl::MakeSpan(controls));
  DriftStarts starts;
  starts.lanes = checkpoint.golden->lanes;
  starts.horizon = checkpoint.golden->horizon;
  starts.initial_states = checkpoint.golden->initial_state;
  starts.controls = controls;
  return MeasureEnergyDrift(
      *checkpoint.model, starts,
      [this](const TransitionModel& model) -> absl::StatusOr<std::unique_ptr<Engine>> {
        absl::StatusOr<ChosenEngine> chosen = ChooseEngine(model, options_.engine, find_module_);
        if (!chosen.ok()) return chosen.status();
        return std::move(chosen->engine);
      });
}

absl::StatusOr<std::unique_ptr<Servable>> ServableLoader::Load(const std::string& model,
                                                               int64_t version,
                                                               const Servable* oldest_loaded,
                                                               GateVerdicts* verdicts) const {
  const auto pass = [verdicts](Gate gate, const absl::Status& status, std::string detail = "") {
    verdicts->push_back(Judge(gate, status, std::move(detail)));
    return status;
  };

  absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(options_.repository, model, version);
  *verdicts = JudgeRead(checkpoint.status());
  if (!checkpoint.ok()) return checkpoint.status();
  const TransitionModelSpec& spec = checkpoint->model->spec;

  absl::Status agrees = pass(Gate::kAgreement, CheckAgreementWith(oldest_loaded, spec, version));
  if (!agrees.ok()) return agrees;

  absl::StatusOr<ChosenEngine> chosen =
      ChooseEngine(*checkpoint->model, options_.engine, find_module_);
  if (!chosen.ok()) return pass(Gate::kEngine, chosen.status());
  Engine* const engine = chosen->engine.get();
  if (!chosen->fallback_reason.empty()) {
    spdlog::warn("event=engine_fallback model={} version={} engine={} reason=\"{}\"", model,
                 version, engine->info().engine, chosen->fallback_reason);
  }
  const bool same = oldest_loaded != nullptr && SameArchitecture(oldest_loaded->spec(), spec) &&
                    oldest_loaded->engine_info().engine == engine->info().engine &&
                    oldest_loaded->engine_info().device == engine->info().device;
  const absl::StatusOr<int> warm = WarmUp(spec, WarmUpPaths(same), engine);
  absl::Status computes =
      pass(Gate::kEngine, warm.status(),
           absl::StrCat(engine->info().engine, " on ", engine->info().device, ", ",
                        warm.value_or(0), " paths warm", same ? " (weights alone are new)" : ""));
  if (!computes.ok()) return computes;

  if (checkpoint->golden) {
    absl::Status golden =
        pass(Gate::kGolden, CheckGolden(*checkpoint->golden, spec, engine),
             absl::StrCat(checkpoint->golden->lanes, " rollouts of ", checkpoint->golden->horizon,
                          " transitions within ", spec.golden_tolerance, " of the spread"));
    if (!golden.ok()) return golden;
  } else {
    verdicts->push_back({Gate::kGolden, GateResult::kSkipped, "no golden set in the checkpoint"});
  }

  verdicts->push_back(JudgeDivergence(Divergence(spec, engine), options_.gates));
  if (absl::Status s = Refusal(verdicts->back()); !s.ok()) return s;

  const absl::StatusOr<EnergyDrift> drift = Drift(*checkpoint);
  verdicts->push_back(JudgeEnergyDrift(drift, options_.gates));
  if (absl::Status s = Refusal(verdicts->back()); !s.ok()) return s;

  ServableParts parts;
  parts.version = version;
  parts.published = absl::FromUnixNanos(checkpoint->modified_unix_ns);
  parts.model = std::move(checkpoint->model);
  parts.engine = std::move(chosen->engine);
  parts.fallback_reason = std::move(chosen->fallback_reason);
  parts.batch_limits = options_.batch;
  if (drift.ok()) parts.energy_drift = drift->worst;
  return std::make_unique<Servable>(std::move(parts), clock_);
}

}  // namespace rollout
