// A module of another version of the engine interface.
#include "models/engines/engine.h"

extern "C" const rollout::EngineModule* rollout_engine_module() {
  static constexpr rollout::EngineModule kModule{rollout::kEngineAbiVersion + 1, "wrong_version",
                                                 nullptr};
  return &kModule;
}
