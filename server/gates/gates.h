// The decisions of the gates, as pure functions of what was measured.
#ifndef ROLLOUT_SERVER_GATES_GATES_H_
#define ROLLOUT_SERVER_GATES_GATES_H_

#include <limits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/evaluation/divergence.h"
#include "models/evaluation/energy_drift.h"
#include "server/gates/gate_verdict.h"

namespace rollout {

struct GateLimits {
  // Largest share of the recorded windows whose rollout diverges.
  double max_diverged_ratio = 0.05;
  // Largest drift, in standard deviations of the energy over the golden set's starts. Infinite =
  // measured and shown, but no reason to refuse: how much drift a task bears is the operator's to
  // say.
  double max_energy_drift = std::numeric_limits<double>::infinity();
};

// Passed with `detail`, or failed with the message of `status`.
GateVerdict Judge(Gate gate, const absl::Status& status, std::string detail = "");

// The first three gates, by what ReadCheckpoint returned: those before the one at fault passed,
// those after it were not asked.
GateVerdicts JudgeRead(const absl::Status& read);

// Failed above max_diverged_ratio and on errors; skipped on NOT_FOUND (no recorded set), with its
// message.
GateVerdict JudgeDivergence(const absl::StatusOr<DivergenceCounts>& counts,
                            const GateLimits& limits);

// Failed above max_energy_drift, where infinite drift (a state that is not finite) always is;
// skipped on FAILED_PRECONDITION (no scale) and NOT_FOUND (no golden set), with their message.
GateVerdict JudgeEnergyDrift(const absl::StatusOr<EnergyDrift>& drift, const GateLimits& limits);

// OK, or FAILED_PRECONDITION naming the gate and why: what refuses the version.
absl::Status Refusal(const GateVerdict& verdict);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_GATES_GATES_H_
