#include "server/gates/gates.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/checkpoint/checkpoint_fault.h"

namespace rollout {

const char* Name(Gate gate) {
  switch (gate) {
    case Gate::kManifest:
      return "manifest";
    case Gate::kModel:
      return "model";
    case Gate::kFiniteness:
      return "finiteness";
    case Gate::kAgreement:
      return "agreement";
    case Gate::kEngine:
      return "engine";
    case Gate::kGolden:
      return "golden";
    case Gate::kDivergence:
      return "divergence";
    case Gate::kEnergyDrift:
      return "energy_drift";
  }
  return "";
}

const char* Name(GateResult result) {
  switch (result) {
    case GateResult::kPassed:
      return "passed";
    case GateResult::kFailed:
      return "failed";
    case GateResult::kSkipped:
      return "skipped";
  }
  return "";
}

GateVerdict Judge(Gate gate, const absl::Status& status, std::string detail) {
  if (status.ok()) return {gate, GateResult::kPassed, std::move(detail)};
  return {gate, GateResult::kFailed, std::string(status.message())};
}

GateVerdicts JudgeRead(const absl::Status& read) {
  Gate at_fault = Gate::kFiniteness;
  if (!read.ok()) {
    switch (FaultOf(read)) {
      case CheckpointFault::kFiles:
        at_fault = Gate::kManifest;
        break;
      case CheckpointFault::kContent:
        at_fault = Gate::kModel;
        break;
      case CheckpointFault::kNumbers:
        at_fault = Gate::kFiniteness;
        break;
    }
  }
  GateVerdicts verdicts;
  for (const Gate gate : {Gate::kManifest, Gate::kModel, Gate::kFiniteness}) {
    verdicts.push_back(Judge(gate, gate == at_fault ? read : absl::OkStatus()));
    if (gate == at_fault) break;
  }
  return verdicts;
}

GateVerdict JudgeDivergence(const absl::StatusOr<DivergenceCounts>& counts,
                            const GateLimits& limits) {
  if (absl::IsNotFound(counts.status())) {
    return {Gate::kDivergence, GateResult::kSkipped, std::string(counts.status().message())};
  }
  if (!counts.ok()) return Judge(Gate::kDivergence, counts.status());
  if (counts->windows == 0) {
    return {Gate::kDivergence, GateResult::kSkipped, "the recorded set holds no transition"};
  }
  const double ratio = static_cast<double>(counts->diverged) / counts->windows;
  const std::string figures =
      absl::StrFormat("%d of %d recorded windows of up to %d transitions diverge", counts->diverged,
                      counts->windows, counts->horizon);
  if (ratio <= limits.max_diverged_ratio) {
    return {Gate::kDivergence, GateResult::kPassed, figures};
  }
  return {Gate::kDivergence, GateResult::kFailed,
          absl::StrCat(figures, ", expected at most ", limits.max_diverged_ratio, " of them")};
}

GateVerdict JudgeEnergyDrift(const absl::StatusOr<EnergyDrift>& drift, const GateLimits& limits) {
  if (absl::IsNotFound(drift.status()) || absl::IsFailedPrecondition(drift.status())) {
    return {Gate::kEnergyDrift, GateResult::kSkipped, std::string(drift.status().message())};
  }
  if (!drift.ok()) return Judge(Gate::kEnergyDrift, drift.status());
  const std::string figures = absl::StrFormat(
      "the energy drifts by %.3g of its spread over the golden set's starts (lane %d, step %d)",
      drift->worst, drift->lane, drift->step);
  if (std::isfinite(drift->worst) && drift->worst <= limits.max_energy_drift) {
    return {Gate::kEnergyDrift, GateResult::kPassed, figures};
  }
  return {Gate::kEnergyDrift, GateResult::kFailed,
          absl::StrCat(figures, ", expected ",
                       std::isfinite(limits.max_energy_drift)
                           ? absl::StrCat("at most ", limits.max_energy_drift)
                           : "a finite number")};
}

absl::Status Refusal(const GateVerdict& verdict) {
  if (verdict.result != GateResult::kFailed) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("gate ", Name(verdict.gate), ": ", verdict.detail));
}

}  // namespace rollout
