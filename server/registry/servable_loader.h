// The way of a version from disk to warm.
#ifndef ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_
#define ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "models/checkpoint/checkpoint.h"
#include "server/gates/gate_verdict.h"
#include "server/gates/gates.h"
#include "server/gates/recorded_set.h"
#include "server/registry/engine_choice.h"
#include "server/registry/servable.h"

namespace rollout {

struct ServableLoaderOptions {
  std::string repository;
  EngineChoiceOptions engine;
  BatchLimits batch;
  GateLimits gates;
  RecordedSetOptions recorded_set;
};

// Leads a version through the gates: reads its checkpoint, holds it against the versions already
// loaded, makes an engine and computes once at typical sizes so that the first request is not the
// slow one, checks the golden set, divergence and energy drift. Owned by the server; used by the
// registry's loading thread.
class ServableLoader {
 public:
  // `clock` outlives the loader and what it loads.
  ServableLoader(ServableLoaderOptions options, EngineModuleFinder find_module, const Clock* clock)
      : options_(std::move(options)), find_module_(std::move(find_module)), clock_(clock) {}

  // `oldest_loaded` (may be null) is what the version must agree with; `verdicts` gets what each
  // gate said. Errors: those of ReadCheckpoint, CheckAgreement, ChooseEngine and CheckGolden, and
  // FAILED_PRECONDITION from the gates after them.
  absl::StatusOr<std::unique_ptr<Servable>> Load(const std::string& model, int64_t version,
                                                 const Servable* oldest_loaded,
                                                 GateVerdicts* verdicts) const;

 private:
  absl::StatusOr<DivergenceCounts> Divergence(const TransitionModelSpec& spec,
                                              Engine* engine) const;
  absl::StatusOr<EnergyDrift> Drift(const Checkpoint& checkpoint) const;

  const ServableLoaderOptions options_;
  const EngineModuleFinder find_module_;
  const Clock* const clock_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_
