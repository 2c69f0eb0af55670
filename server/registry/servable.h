// A loaded version: what a request computes with.
#ifndef ROLLOUT_SERVER_REGISTRY_SERVABLE_H_
#define ROLLOUT_SERVER_REGISTRY_SERVABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "models/engines/engine.h"
#include "models/pixels/frame_codec.h"
#include "models/transition_model.h"
#include "server/batching/batcher.h"
#include "server/metrics/version_metrics.h"
#include "server/prediction_error/prediction_error.h"

namespace rollout {

// What makes a Servable.
struct ServableParts {
  std::shared_ptr<const TransitionModel> model;
  int64_t version = 0;
  std::unique_ptr<Engine> engine;  // checked and warm
  std::string fallback_reason;     // why not the fastest engine; empty = it is
  absl::Time published;
  BatchLimits batch_limits;
  std::optional<double> energy_drift;  // over the golden set (models/evaluation/energy_drift.h)
};

// One immutable version with its engine, its queue and what is measured about it. Made by the
// loader, owned by the registry and by the handles of requests in flight, destroyed on the
// registry's unloading thread. Any thread may use it.
class Servable {
 public:
  // `clock` outlives the servable.
  Servable(ServableParts parts, const Clock* clock);

  const std::shared_ptr<const TransitionModel>& model() const { return parts_.model; }
  const TransitionModelSpec& spec() const { return parts_.model->spec; }
  const std::string& name() const { return spec().name; }
  int64_t version() const { return parts_.version; }
  const EngineInfo& engine_info() const { return engine_info_; }
  // Engine::health: not OK where the version can compute no more.
  absl::Status engine_health() const { return parts_.engine->health(); }
  const std::string& fallback_reason() const { return parts_.fallback_reason; }
  absl::Time published() const { return parts_.published; }
  std::optional<double> energy_drift() const { return parts_.energy_drift; }

  Batcher& batcher() { return batcher_; }
  VersionMetrics& metrics() { return metrics_; }
  PredictionError& prediction_error() { return prediction_error_; }

  // Null but for pixel models.
  const FrameCodec* frame_codec() const { return frame_codec_ ? &*frame_codec_ : nullptr; }

  // When what asked for this very version (KeptLoaded) last let go of it; the infinite future while
  // something still holds it.
  absl::Time last_used() const;

 private:
  friend class VersionUse;

  const ServableParts parts_;
  const EngineInfo engine_info_;
  const std::optional<FrameCodec> frame_codec_;
  const Clock* const clock_;
  std::atomic<int64_t> last_used_ns_;
  std::atomic<int64_t> uses_ = 0;  // under way
  VersionMetrics metrics_;
  Batcher batcher_;                   // its thread uses engine and metrics
  PredictionError prediction_error_;  // its thread uses the batcher
};

// Pins a version: it stays loaded as long as a handle exists. Whoever drops the last one does not
// pay for the destruction (Unloader). Handles must be gone before the registry.
using ServableHandle = std::shared_ptr<Servable>;

// A handle that, besides, keeps the version loaded for everybody as long as any copy of it exists,
// and for the policy's linger after that: for requests that name their version and for streams.
ServableHandle KeptLoaded(ServableHandle servable);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_SERVABLE_H_
