// The way of a version from disk to warm.
#ifndef ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_
#define ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/registry/engine_choice.h"
#include "server/registry/servable.h"

namespace rollout {

struct ServableLoaderOptions {
  std::string repository;
  EngineChoiceOptions engine;
  BatchLimits batch;
};

// Reads a checkpoint, holds it against the versions already loaded, makes an engine, checks the
// golden set, computes once at typical sizes so that the first request is not the slow one. Owned
// by the server; used by the registry's loading thread.
class ServableLoader {
 public:
  // `clock` outlives the loader and what it loads.
  ServableLoader(ServableLoaderOptions options, EngineModuleFinder find_module, const Clock* clock)
      : options_(std::move(options)), find_module_(std::move(find_module)), clock_(clock) {}

  // `oldest_loaded` (may be null) is what the version must agree with. Errors: those of
  // ReadCheckpoint, CheckAgreement, ChooseEngine and CheckGolden.
  absl::StatusOr<std::unique_ptr<Servable>> Load(const std::string& model, int64_t version,
                                                 const Servable* oldest_loaded) const;

 private:
  const ServableLoaderOptions options_;
  const EngineModuleFinder find_module_;
  const Clock* const clock_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_SERVABLE_LOADER_H_
