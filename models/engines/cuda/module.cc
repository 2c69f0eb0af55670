// The one symbol of librollout_engine_cuda.so that LoadEngineModule looks for.
#include <exception>

#include "absl/strings/str_cat.h"
#include "models/engines/cuda/cuda_device.h"
#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/cuda/tile_engine.h"
#include "models/engines/engine.h"

namespace rollout::cuda {
namespace {

absl::StatusOr<std::unique_ptr<Engine>> Create(const TransitionModel& model,
                                               const EngineOptions& options) {
  // What no device would change comes first.
  if (absl::Status status = CheckTilesTake(model.spec); !status.ok()) return status;
  try {
    auto device = OpenCudaDevice(options.device);
    if (!device.ok()) return device.status();
    return MakeTileEngine(model, *std::move(device),
                          {.cpu_threads = options.threads, .one_size = options.deterministic});
  } catch (const std::exception& error) {  // memory or threads
    return absl::ResourceExhaustedError(
        absl::StrCat("the fused CUDA engine of model ", model.spec.name, ": ", error.what()));
  }
}

}  // namespace
}  // namespace rollout::cuda

extern "C" const rollout::EngineModule* rollout_engine_module() {
  static const rollout::EngineModule module = {rollout::kEngineAbiVersion, "cuda",
                                               &rollout::cuda::Create};
  return &module;
}
