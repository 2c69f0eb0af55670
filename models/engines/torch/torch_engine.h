// The reference engine: LibTorch, every kind of dynamics, every integrator, CPU and CUDA.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_TORCH_ENGINE_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_TORCH_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "models/engines/engine.h"

namespace rollout {

enum class TorchPrecision {
  kFloat32,  // float64 where an integrator needs it
  kFloat64,  // everywhere: the yardstick of other engines. Inputs and outputs stay float32.
};

// An engine on options.device. All LibTorch work of one device, whichever engine it is for, happens
// on one thread of its own, which ends with the last engine of that device. It uses
// options.threads computing threads, but one while a batch is too small to gain from more.
//
// Errors: INVALID_ARGUMENT (a device name that is none, weights that do not fit the specification),
// NOT_FOUND (an unknown reward), UNAVAILABLE (a CUDA device that cannot be used, saying what is
// missing), RESOURCE_EXHAUSTED (out of memory).
absl::StatusOr<std::unique_ptr<Engine>> MakeTorchEngine(const TransitionModel& model,
                                                        const EngineOptions& options,
                                                        TorchPrecision precision);

// What librollout_engine_torch.so exports, for programs that link the engine's objects.
const EngineModule& TorchEngineModule();

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_TORCH_ENGINE_H_
