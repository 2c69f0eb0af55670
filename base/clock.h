// Time as a thing that can be handed in, so that decisions about time are tested without waiting.
#ifndef ROLLOUT_BASE_CLOCK_H_
#define ROLLOUT_BASE_CLOCK_H_

#include <chrono>

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

// The time of its construction, carried on by the steady clock: for deadlines and durations, which
// must not jump when somebody sets the machine's clock.
class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override {
    return start_ + absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
  }

 private:
  const absl::Time start_ = absl::Now();
  const std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
};

}  // namespace rollout

#endif  // ROLLOUT_BASE_CLOCK_H_
