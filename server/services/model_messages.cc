#include "server/services/model_messages.h"

#include "models/checkpoint/model_json.h"

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

void AddErrors(const PredictionErrorReport& report, v1::ModelVersion* message) {
  for (const PredictionErrorReport::Horizon& horizon : report.horizons) {
    if (horizon.totals.finite_windows + horizon.totals.non_finite_windows == 0) continue;
    v1::HorizonError* error = message->add_errors();
    error->set_horizon(static_cast<uint32_t>(horizon.horizon));
    error->set_normalised_rmse(horizon.recent.rmse);
    error->set_skill(horizon.recent.skill);
    error->set_windows(horizon.totals.finite_windows);
    error->set_diverged_windows(horizon.totals.non_finite_windows);
  }
}

}  // namespace

v1::Model ModelMessage(const ModelStatus& status) {
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
    AddErrors(version.servable->prediction_error().Snapshot(), message);
  }
  return model;
}

}  // namespace rollout
