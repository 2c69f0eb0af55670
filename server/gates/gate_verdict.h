// What each check said of a version before it was let to serve.
#ifndef ROLLOUT_SERVER_GATES_GATE_VERDICT_H_
#define ROLLOUT_SERVER_GATES_GATE_VERDICT_H_

#include <string>
#include <vector>

namespace rollout {

// In the order in which they are asked: what is cheap and what is wrong most often comes first.
enum class Gate {
  kManifest,     // the files are there, whole and those that the manifest lists
  kModel,        // specification, tensors and golden set are what the format says
  kFiniteness,   // every number of weights and golden set is finite and in its range
  kAgreement,    // sizes, period and names are those of the loaded versions
  kEngine,       // an engine takes the model, and computes
  kGolden,       // the engine reproduces the golden set
  kDivergence,   // rollouts along recorded episodes stay near them
  kEnergyDrift,  // Hamiltonian kinds keep their own energy
};
inline constexpr int kNumGates = static_cast<int>(Gate::kEnergyDrift) + 1;

enum class GateResult {
  kPassed,
  kFailed,   // the version is quarantined
  kSkipped,  // nothing to judge by
};

struct GateVerdict {
  Gate gate = Gate::kManifest;
  GateResult result = GateResult::kPassed;
  std::string detail;  // the figures, or why not
};

// In the order of Gate; the last one has failed where a version is refused.
using GateVerdicts = std::vector<GateVerdict>;

// "manifest", "model", "finiteness", "agreement", "engine", "golden", "divergence", "energy_drift".
const char* Name(Gate gate);
// "passed", "failed", "skipped".
const char* Name(GateResult result);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_GATES_GATE_VERDICT_H_
