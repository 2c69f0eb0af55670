#include "server/registry/servable.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/rollout_and_wait.h"

namespace rollout {
namespace {
constexpr int64_t kNever = std::numeric_limits<int64_t>::min();
}  // namespace

Servable::Servable(ServableParts parts, const Clock* clock)
    : parts_(std::move(parts)),
      engine_info_(parts_.engine->info()),
      frame_codec_(spec().dynamics.kind == DynamicsKind::kPixelHnn
                       ? std::optional<FrameCodec>(*parts_.model)
                       : std::nullopt),
      last_named_ns_(kNever),
      batcher_(absl::StrCat(parts_.model->spec.name, " version ", parts_.version),
               parts_.engine.get(), parts_.batch_limits, clock, &metrics_),
      prediction_error_(spec(), [this](absl::Span<const RolloutJob> jobs) {
        return RolloutAndWait(jobs, &batcher_);
      }) {}

absl::Time Servable::last_named() const {
  const int64_t nanoseconds = last_named_ns_.load();
  return nanoseconds == kNever ? absl::InfinitePast() : absl::FromUnixNanos(nanoseconds);
}

}  // namespace rollout
