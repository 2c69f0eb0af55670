// The one thing that server and planners know of how rollouts are computed.
#ifndef ROLLOUT_MODELS_ENGINES_ENGINE_H_
#define ROLLOUT_MODELS_ENGINES_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engines/gradient_job.h"
#include "models/engines/lane_feed.h"
#include "models/engines/rollout_job.h"
#include "models/transition_model.h"

namespace rollout {

struct EngineOptions {
  std::string device = "cpu";  // "cpu" or "cuda:N"
  int threads = 1;             // computing threads of one engine; 0 = one for each core
  // Where the bits of a lane depend on the layout that suits a batch (on a GPU): one layout for
  // all.
  bool deterministic = false;
};

struct EngineInfo {
  std::string engine;  // "torch", "fused"
  std::string device;
};

// Computes rollouts of one transition model on one device. Made and owned by whoever serves or
// evaluates the model; Compute and Rollout may be called from any thread, one call at a time
// (callers queue; an engine is not a scheduler), the others at any time. Lives as long as its
// version; destroying it frees everything it holds. Never throws.
class Engine {
 public:
  virtual ~Engine() = default;

  // INVALID_ARGUMENT naming the span whose size contradicts lanes, horizon and model, or what the
  // model cannot give (returns without a reward, first_outside_step without data_low).
  virtual absl::Status Check(const RolloutJob& job) const = 0;

  // Computes what `feed` hands out, all of it checked, until it hands out nothing and no lane is
  // under way; every lane taken is reported done. It may stop taking lanes earlier, to let others
  // use the device: whoever has more calls again. A lane that diverges turns non-finite alone,
  // which is no error. Errors, also reported for every lane under way: RESOURCE_EXHAUSTED (out of
  // memory), UNAVAILABLE (the device).
  virtual absl::Status Compute(LaneFeed& feed) = 0;

  // Checks and computes all jobs; blocks until done. The errors of Check (nothing is computed then)
  // and of Compute.
  absl::Status Rollout(absl::Span<const RolloutJob> jobs) {
    for (const RolloutJob& job : jobs) {
      if (absl::Status status = Check(job); !status.ok()) return status;
    }
    JobsFeed feed(jobs);
    while (feed.waiting_lanes() > 0) {
      if (absl::Status status = Compute(feed); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Differentiates all jobs, as Rollout computes them; the same errors, and UNIMPLEMENTED with the
  // reason where this engine has no gradient of the model. Not at the same time as Compute.
  virtual absl::Status Gradient(absl::Span<const GradientJob> /*jobs*/) {
    return absl::UnimplementedError("the " + info().engine + " engine computes no gradients");
  }

  virtual EngineInfo info() const = 0;

  // OK as long as the engine may still compute; UNAVAILABLE with the reason once its device is lost
  // to it for good: whoever wants to go on makes another one.
  virtual absl::Status health() const { return absl::OkStatus(); }
};

// What a shared object with engines exports, through the C function `rollout_engine_module`, which
// returns a pointer to one static instance. The members may only change together with
// kEngineAbiVersion.
inline constexpr uint32_t kEngineAbiVersion = 4;
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
