// Opens engines that live in shared objects.
#ifndef ROLLOUT_MODELS_ENGINES_ENGINE_LOADER_H_
#define ROLLOUT_MODELS_ENGINES_ENGINE_LOADER_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/engines/engine.h"

namespace rollout {

// The folder `engines` beside the running executable: where builds and packages put the modules.
std::string DefaultEngineDir();

// Opens `<engine_dir>/librollout_engine_<name>.so` and returns its module; an empty `engine_dir`
// means DefaultEngineDir(). The symbols of the module and of its libraries stay its own, and it is
// never closed: code and thread-local data of LibTorch and CUDA do not survive that. Opening one
// twice gives the same module. May be called from any thread; takes 0.3 s for LibTorch.
//
// Errors: INVALID_ARGUMENT where `name` is not made of [a-z0-9_]; NOT_FOUND naming the path where
// there is no such file; FAILED_PRECONDITION naming the path and the loader's message where it
// cannot be opened, exports no rollout_engine_module, or was built for another
// kEngineAbiVersion.
absl::StatusOr<const EngineModule*> LoadEngineModule(const std::string& name,
                                                     const std::string& engine_dir);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ENGINE_LOADER_H_
