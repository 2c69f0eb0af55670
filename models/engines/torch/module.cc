// The one symbol of librollout_engine_torch.so that LoadEngineModule looks for.
#include "models/engines/torch/torch_engine.h"

extern "C" const rollout::EngineModule* rollout_engine_module() {
  return &rollout::TorchEngineModule();
}
