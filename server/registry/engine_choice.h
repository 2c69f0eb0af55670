// Which engine computes a model.
#ifndef ROLLOUT_SERVER_REGISTRY_ENGINE_CHOICE_H_
#define ROLLOUT_SERVER_REGISTRY_ENGINE_CHOICE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "models/engines/engine.h"

namespace rollout {

struct EngineChoiceOptions {
  std::string engine = "auto";  // "auto", "torch" or "fused"
  std::string device =
      "auto";                  // "auto" (a GPU where there is one, else the CPU), "cpu" or "cuda:N"
  int threads = 0;             // of one engine; 0 = one for each core
  bool deterministic = false;  // the same bits in any batch on a GPU, too
};

struct ChosenEngine {
  std::unique_ptr<Engine> engine;
  std::string fallback_reason;  // why not the fused engine; empty when it is the one or asked for
};

// Finds an engine module by name. NOT_FOUND where it is not installed.
using EngineModuleFinder =
    std::function<absl::StatusOr<const EngineModule*>(const std::string& name)>;

// The fused CPU engine, which is linked in, and modules of `engine_dir` (empty = beside the
// executable), opened when first asked for.
EngineModuleFinder MakeEngineModuleFinder(const std::string& engine_dir);

// The engine asked for on the device asked for. "auto" takes the first that takes the model, with
// the reason why none of those before it does: as engine the fused one, then torch; as device the
// first GPU, where the module `cuda` is installed, then the CPU. "cuda:N" never becomes the CPU.
// Errors: those of the modules, prefixed by the engine's name; of several, a device's fault
// (models/engines/device_fault.h) before the others.
absl::StatusOr<ChosenEngine> ChooseEngine(const TransitionModel& model,
                                          const EngineChoiceOptions& options,
                                          const EngineModuleFinder& find_module);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_ENGINE_CHOICE_H_
