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

// One use of a version, from its construction to its destruction. Owned by the handle that
// KeptLoaded returns; destroyed on whichever thread drops that.
class VersionUse {
 public:
  explicit VersionUse(ServableHandle servable) : servable_(std::move(servable)) {
    servable_->uses_.fetch_add(1);
  }
  ~VersionUse() {
    // In this order: whoever sees no use any more sees when the last one ended.
    servable_->last_used_ns_.store(absl::ToUnixNanos(servable_->clock_->Now()));
    servable_->uses_.fetch_sub(1);
  }
  VersionUse(const VersionUse&) = delete;
  VersionUse& operator=(const VersionUse&) = delete;

 private:
  const ServableHandle servable_;
};

ServableHandle KeptLoaded(ServableHandle servable) {
  Servable* const raw = servable.get();
  return ServableHandle(std::make_shared<VersionUse>(std::move(servable)), raw);
}

Servable::Servable(ServableParts parts, const Clock* clock)
    : parts_(std::move(parts)),
      engine_info_(parts_.engine->info()),
      frame_codec_(spec().dynamics.kind == DynamicsKind::kPixelHnn
                       ? std::optional<FrameCodec>(*parts_.model)
                       : std::nullopt),
      clock_(clock),
      last_used_ns_(kNever),
      batcher_(absl::StrCat(parts_.model->spec.name, " version ", parts_.version),
               parts_.engine.get(), parts_.batch_limits, clock, &metrics_),
      prediction_error_(spec(), [this](absl::Span<const RolloutJob> jobs) {
        return RolloutAndWait(jobs, &batcher_);
      }) {}

absl::Time Servable::last_used() const {
  if (uses_.load() > 0) return absl::InfiniteFuture();
  const int64_t nanoseconds = last_used_ns_.load();
  return nanoseconds == kNever ? absl::InfinitePast() : absl::FromUnixNanos(nanoseconds);
}

}  // namespace rollout
