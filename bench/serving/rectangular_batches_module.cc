// An engine module that rolloutd opens from a folder of its own in place of LibTorch's.
#include "bench/serving/whole_batches.h"

namespace rollout::bench {
namespace {

absl::StatusOr<std::unique_ptr<Engine>> Create(const TransitionModel& model,
                                               const EngineOptions& options) {
  return MakeWholeBatchEngine(model, options, FinishedLane::kRollsOnInVain);
}

}  // namespace
}  // namespace rollout::bench

extern "C" const rollout::EngineModule* rollout_engine_module() {
  static const rollout::EngineModule module = {rollout::kEngineAbiVersion, "torch",
                                               &rollout::bench::Create};
  return &module;
}
