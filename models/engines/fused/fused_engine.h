#ifndef ROLLOUT_MODELS_ENGINES_FUSED_FUSED_ENGINE_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_FUSED_ENGINE_H_

#include "models/engines/engine.h"

namespace rollout {

// The fused CPU engine: whole rollouts in registers and L1, without a framework. It takes NODE,
// NODE_SO, MECHANICS and HNN with every explicit method of fixed step; anything else is
// UNIMPLEMENTED when the engine is made. Linked statically: there is nothing to load.
const EngineModule& FusedCpuEngineModule();

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_FUSED_ENGINE_H_
