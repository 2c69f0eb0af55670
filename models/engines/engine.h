// The one thing that server and planners know of how rollouts are computed.
#ifndef ROLLOUT_MODELS_ENGINES_ENGINE_H_
#define ROLLOUT_MODELS_ENGINES_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engines/gradient_job.h"
#include "models/transition_model.h"

namespace rollout {

// The lanes of one caller: B control sequences of the same length from one shared or B own initial
// states. The caller has checked shapes and finiteness and clipped the controls; spans must stay
// valid during Engine::Rollout. An empty output span means "not wanted".
struct RolloutJob {
  int64_t lanes = 0;                       // B >= 1
  int64_t horizon = 0;                     // T >= 1
  absl::Span<const float> initial_states;  // [1, 2n] shared by all lanes, or [B, 2n]
  absl::Span<const float> controls;        // [B, T, nu]
  const std::atomic<bool>* cancelled =
      nullptr;  // polled between transitions; outputs are then undefined

  absl::Span<float> trajectory;         // [B, T + 1, 2n]; for E > 1 the mean over members
  absl::Span<float> final_state;        // [B, 2n]
  absl::Span<float> total_return;       // [B]; the spec must name a reward
  absl::Span<float> rewards;            // [B, T], 0 after termination
  absl::Span<int32_t> terminated_step;  // [B], index of the first terminating state, T + 1 if none
  absl::Span<int32_t> first_non_finite_step;  // [B], T + 1 where all is finite
};

struct EngineOptions {
  std::string device = "cpu";  // "cpu" or "cuda:N"
  int threads = 1;             // computing threads of one engine; 0 = one for each core
};

struct EngineInfo {
  std::string engine;  // "torch", "fused"
  std::string device;
};

// Computes rollouts of one transition model on one device. Made and owned by whoever serves or
// evaluates the model; Rollout may be called from any thread, one call at a time (callers queue; an
// engine is not a scheduler). Lives as long as its version; destroying it frees everything it
// holds. Never throws.
class Engine {
 public:
  virtual ~Engine() = default;

  // Computes all jobs; blocks until done. A lane that diverges turns non-finite alone, which is no
  // error. Errors: INVALID_ARGUMENT (sizes that contradict each other), RESOURCE_EXHAUSTED (out of
  // memory), UNAVAILABLE (the device).
  virtual absl::Status Rollout(absl::Span<const RolloutJob> jobs) = 0;

  // Differentiates all jobs, as Rollout computes them; the same errors, and UNIMPLEMENTED with the
  // reason where this engine has no gradient of the model. Not at the same time as Rollout.
  virtual absl::Status Gradient(absl::Span<const GradientJob> /*jobs*/) {
    return absl::UnimplementedError("the " + info().engine + " engine computes no gradients");
  }

  virtual EngineInfo info() const = 0;
};

// What a shared object with engines exports, through the C function `rollout_engine_module`, which
// returns a pointer to one static instance. The members may only change together with
// kEngineAbiVersion.
inline constexpr uint32_t kEngineAbiVersion = 2;
struct EngineModule {
  uint32_t abi_version;  // kEngineAbiVersion of the module's build
  const char* name;      // "torch", "fused"
  // UNIMPLEMENTED with the reason when this engine does not take such a model; UNAVAILABLE when the
  // device is missing.
  absl::StatusOr<std::unique_ptr<Engine>> (*create)(const TransitionModel& model,
                                                    const EngineOptions& options);
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ENGINE_H_
