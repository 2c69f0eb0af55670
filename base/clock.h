// Time as a thing that can be handed in, so that decisions about time are tested without waiting.
#ifndef ROLLOUT_BASE_CLOCK_H_
#define ROLLOUT_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace rollout {

// Owned by the caller of whoever uses it and outlives that; any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace rollout

#endif  // ROLLOUT_BASE_CLOCK_H_
