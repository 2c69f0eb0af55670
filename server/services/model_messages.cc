#include "server/services/model_messages.h"

#include "models/checkpoint/model_json.h"
#include "server/prediction_error/paired_error.h"

namespace rollout {
namespace {

v1::ModelVersion::State StateMessage(VersionState state) {
  switch (state) {
    case VersionState::kUnloaded:
      return v1::ModelVersion::UNLOADED;
    case VersionState::kLoading:
      return v1::ModelVersion::LOADING;
    case VersionState::kReady:
      return v1::ModelVersion::READY;
    case VersionState::kQuarantined:
      return v1::ModelVersion::QUARANTINED;
  }
  return v1::ModelVersion::STATE_UNSPECIFIED;
}

v1::GateVerdict::Result ResultMessage(GateResult result) {
  switch (result) {
    case GateResult::kPassed:
      return v1::GateVerdict::PASSED;
    case GateResult::kFailed:
      return v1::GateVerdict::FAILED;
    case GateResult::kSkipped:
      return v1::GateVerdict::SKIPPED;
  }
  return v1::GateVerdict::RESULT_UNSPECIFIED;
}

void AddGates(const GateVerdicts& gates, v1::ModelVersion* message) {
  for (const GateVerdict& gate : gates) {
    v1::GateVerdict* verdict = message->add_gates();
    verdict->set_gate(Name(gate.gate));
    verdict->set_result(ResultMessage(gate.result));
    verdict->set_detail(gate.detail);
  }
}

void AddErrors(const PredictionError& errors, bool dimension_errors, v1::ModelVersion* message) {
  const PredictionErrorReport report = errors.Snapshot();
  std::vector<std::vector<double>> by_dimension;
  if (dimension_errors) by_dimension = errors.DimensionErrors();
  for (size_t k = 0; k < report.horizons.size(); ++k) {
    const PredictionErrorReport::Horizon& horizon = report.horizons[k];
    if (horizon.totals.finite_windows + horizon.totals.non_finite_windows == 0) continue;
    v1::HorizonError* error = message->add_errors();
    error->set_horizon(static_cast<uint32_t>(horizon.horizon));
    error->set_normalised_rmse(horizon.recent.rmse);
    error->set_skill(horizon.recent.skill);
    error->set_windows(horizon.totals.finite_windows);
    error->set_diverged_windows(horizon.totals.non_finite_windows);
    if (dimension_errors) {
      error->mutable_dimension_rmse()->Add(by_dimension[k].begin(), by_dimension[k].end());
    }
  }
}

// What the others are held against: the label "stable", or else what serves by default; nullptr
// where that version is not loaded.
const VersionStatus* StableVersion(const ModelStatus& model) {
  const auto label = model.overrides.labels.find("stable");
  const int64_t number =
      label != model.overrides.labels.end() ? label->second : model.serving_version;
  for (const VersionStatus& version : model.versions) {
    if (version.version == number && version.servable != nullptr) return &version;
  }
  return nullptr;
}

void AddComparison(Servable& version, Servable& stable, v1::ModelVersion* message) {
  const std::vector<PairedHorizon> horizons = CompareOnSharedWindows(
      version.prediction_error().Windows(), stable.prediction_error().Windows(), stable.spec());
  if (horizons.empty()) return;
  v1::VersionComparison* comparison = message->mutable_comparison();
  comparison->set_with_version(stable.version());
  for (const PairedHorizon& horizon : horizons) {
    v1::VersionComparison::Horizon* entry = comparison->add_horizons();
    entry->set_horizon(static_cast<uint32_t>(horizon.horizon));
    entry->set_windows(horizon.windows);
    entry->set_normalised_rmse(horizon.rmse);
    entry->set_with_normalised_rmse(horizon.with_rmse);
    entry->set_log_ratio(horizon.log_ratio);
    entry->set_log_ratio_low(horizon.log_ratio_low);
    entry->set_log_ratio_high(horizon.log_ratio_high);
    entry->set_diverged_windows(horizon.diverged);
  }
}

}  // namespace

v1::Model ModelMessage(const ModelStatus& status, bool dimension_errors) {
  const VersionStatus* const stable = StableVersion(status);
  v1::Model model;
  model.set_name(status.name);
  model.set_serving_version(status.serving_version);
  model.set_pinned_version(status.overrides.pinned);
  for (const auto& [label, version] : status.overrides.labels) {
    (*model.mutable_labels())[label] = version;
  }
  for (const VersionStatus& version : status.versions) {
    v1::ModelVersion* message = model.add_versions();
    message->set_version(version.version);
    message->set_state(StateMessage(version.state));
    message->set_reason(version.reason);
    AddGates(version.gates, message);
    if (version.servable == nullptr) continue;
    message->set_engine(version.servable->engine_info().engine);
    message->set_device(version.servable->engine_info().device);
    message->set_fallback_reason(version.servable->fallback_reason());
    *message->mutable_spec() = SpecToProto(version.servable->spec());
    message->set_published_timestamp_seconds(
        absl::ToDoubleSeconds(version.servable->published() - absl::UnixEpoch()));
    if (const auto drift = version.servable->energy_drift()) message->set_energy_drift(*drift);
    AddErrors(version.servable->prediction_error(), dimension_errors, message);
    if (stable != nullptr && stable->version != version.version) {
      AddComparison(*version.servable, *stable->servable, message);
    }
  }
  return model;
}

}  // namespace rollout
